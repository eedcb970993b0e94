import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments, parseDocument } from "yaml";
import { ENTRYPOINT } from "../../../../scripts/image/rootfs.ts";
import { VARIABLES } from "../../src/commands/small_memory.ts";
import { REPOSITORY } from "../confinement_bench.ts";
import { type DaemonSet, type Manifest, manifestsOf, podOf } from "./manifests.ts";
import { DEFAULT_PROFILE } from "./oci_config.ts";

const KUBERNETES = "deploy/kubernetes";
const DAEMONSET = `${KUBERNETES}/daemonset.yaml`;
const VARIANTS = globSync("deploy/variants/*/daemonset.yaml", { cwd: REPOSITORY }).sort();
const CHART = join(REPOSITORY, "deploy/helm/logdna-agent");
/** What checks manifests against the schemas that the Kubernetes project publishes, from PyPI, and the versions to check with. */
const VALIDATOR = process.env.KUBERNETES_VALIDATE ?? "kubernetes-validate";
const VERSIONS = ["1.28", "1.33", "1.37"];
/** Where a container may write of what is mounted. */
const WRITABLE = ["/var/lib/logdna"];

const pods = [undefined, ...VARIANTS].map((patch) => [patch ?? DAEMONSET, podOf(DAEMONSET, patch)] as const);

for (const [name, pod] of pods) {
  test(`${name}: no container has more than it needs`, () => {
    for (const field of ["hostNetwork", "hostPID", "hostIPC"]) assert.equal(pod[field], undefined);
    assert.equal(pod.securityContext?.seccompProfile?.type, "RuntimeDefault");
    for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
      const { capabilities, ...context } = container.securityContext ?? {};
      assert.equal(context.privileged, false);
      assert.equal(context.allowPrivilegeEscalation, false);
      assert.equal(context.readOnlyRootFilesystem, true);
      assert.deepEqual(capabilities?.drop, ["ALL"]);
      const added = capabilities?.add ?? [];
      const may = !name.includes("non_root") ? [] : container.name === "state" ? ["CHOWN"] : ["DAC_READ_SEARCH"];
      assert.deepEqual(added, may);
      for (const { mountPath, readOnly } of container.volumeMounts ?? [])
        assert.equal(readOnly === true, !WRITABLE.includes(mountPath), mountPath);
    }
    for (const { hostPath } of pod.volumes ?? [])
      if (hostPath !== undefined)
        assert.ok(["/var/log", "/var/lib/docker/containers", "/var/lib/logdna"].includes(hostPath.path));
    const [agent] = pod.containers;
    assert.ok(agent?.resources?.requests !== undefined && agent.resources.limits !== undefined);
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, "packages/agent/package.json"), "utf8"));
    assert.equal(agent.image, `logdna-agent:${version}`);
  });
}

test("the Dockerfile starts the program as the image that is made without Docker does, under the same version", () => {
  const text = readFileSync(join(REPOSITORY, "Dockerfile"), "utf8");
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, "packages/agent/package.json"), "utf8"));
  const variables = Object.entries(VARIABLES).map(([name, value]) => ` ${name}=${value}`);
  assert.ok(text.includes(`\nENV PATH=/usr/bin${variables.join("")}\n`));
  assert.ok(text.includes(`\nENTRYPOINT ${JSON.stringify(ENTRYPOINT).replaceAll('","', '", "')}\n`));
  assert.ok(text.includes(`org.opencontainers.image.version="${version}"`));
  const chart = parseDocument(readFileSync(join(CHART, "Chart.yaml"), "utf8")).toJS() as { appVersion: string };
  assert.equal(chart.appVersion, version);
});

test("kustomizations name every file beside them, and nothing else", () => {
  for (const file of globSync("deploy/{kubernetes,variants/*}/kustomization.yaml", { cwd: REPOSITORY })) {
    const [content] = manifestsOf(file) as unknown as { resources: string[]; patches?: { path: string }[] }[];
    const named = [...(content?.resources ?? []), ...(content?.patches ?? []).map(({ path }) => path)];
    const there = globSync("*.yaml", { cwd: join(REPOSITORY, dirname(file)) });
    assert.deepEqual(
      named.filter((name) => name.endsWith(".yaml")).sort(),
      there.filter((name) => name !== "kustomization.yaml").sort(),
    );
  }
});

test("our seccomp profile allows less than the runtime's, and nothing that the agent's own filter refuses for good", {
  skip: spawnSync("test", ["-e", DEFAULT_PROFILE]).status === 0 ? false : `needs ${DEFAULT_PROFILE}`,
}, () => {
  const allowedBy = (path: string): Set<string> => {
    const { syscalls } = JSON.parse(readFileSync(path, "utf8")) as { syscalls: { names: string[]; action: string }[] };
    return new Set(syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW").flatMap(({ names }) => names));
  };
  const own = allowedBy(join(REPOSITORY, "deploy/seccomp/logdna-agent.json"));
  const runtime = allowedBy(DEFAULT_PROFILE);
  assert.deepEqual(
    [...own].filter((name) => !runtime.has(name)),
    [],
  );
  assert.ok(own.size < runtime.size - 100, `${own.size} of ${runtime.size}`);
  for (const name of ["open_by_handle_at", "name_to_handle_at", "ptrace", "mount", "unshare", "bpf", "keyctl", "chmod"])
    assert.ok(!own.has(name), name);
});

test("every manifest is what the published schemas of the Kubernetes API describe", {
  skip: spawnSync(VALIDATOR, ["--version"]).error === undefined ? false : `needs ${VALIDATOR} (PyPI)`,
}, (t) => {
  const files = globSync("deploy/{kubernetes,variants/*}/*.yaml", { cwd: REPOSITORY })
    .filter((file) => !file.endsWith("kustomization.yaml") && !file.endsWith("constraints.yaml"))
    .filter((file) => !VARIANTS.includes(file));
  const [base] = manifestsOf(DAEMONSET) as DaemonSet[];
  assert.ok(base !== undefined);
  const whole = pods.map(([, spec]): Manifest => {
    return { ...base, spec: { ...base.spec, template: { ...base.spec.template, spec } } };
  });
  validate(t, [...files.flatMap((file) => manifestsOf(file)), ...whole]);
  assert.throws(() => validate(t, [{ ...base, spec: {} }]), /required property/);
});

// Debian has no package of Helm: where there is one, the chart is held against the manifests.
if (spawnSync("helm", ["version"]).error === undefined) {
  const rendered = (...flags: readonly string[]): Manifest[] => {
    const args = ["template", "release", CHART, "--namespace=logdna-agent", "--kube-version=1.33", ...flags];
    const { status, stdout, stderr } = spawnSync("helm", args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return parseAllDocuments(stdout, { version: "1.1" }).flatMap((document) => (document.toJS() as Manifest) ?? []);
  };
  const specOf = (manifests: readonly Manifest[]) =>
    (manifests.find(({ kind }) => kind === "DaemonSet") as DaemonSet | undefined)?.spec.template.spec;

  for (const [flags, patch] of [
    [[], undefined],
    [["--set=nonRoot=true"], "deploy/variants/non_root/daemonset.yaml"],
    [["--set=openshift=true"], "deploy/variants/openshift/daemonset.yaml"],
    [["--set=metrics.enabled=true"], "deploy/variants/metrics/daemonset.yaml"],
  ] as const)
    test(`the chart makes the same pods as the manifests: ${flags.join() || "with its defaults"}`, () => {
      assert.deepEqual(specOf(rendered(...flags)), podOf(DAEMONSET, patch));
    });

  test("the chart gives the same rights as the manifests, each only with what needs it", () => {
    const rulesIn = (manifests: readonly Manifest[]) =>
      manifests.filter(({ kind }) => kind.endsWith("Role")).flatMap(({ rules }) => rules as object[]);
    const all = manifestsOf(`${KUBERNETES}/rbac.yaml`);
    const flags = ["--set=events=true", "--set=statistics=true", "--set=startupLease=attempt"];
    assert.deepEqual(rulesIn(rendered(...flags)), rulesIn(all));
    assert.deepEqual(rulesIn(rendered()), rulesIn(all).slice(0, 1));
    assert.deepEqual(rulesIn(rendered("--set=enrichment=false")), []);
  });
}

/** @throws when the validator says that something is wrong. */
function validate(t: { after(end: () => void): void }, manifests: readonly Manifest[]): void {
  const directory = mkdtempSync(join(tmpdir(), "manifests-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "all.yaml");
  // As JSON, which YAML of any version reads the same way.
  writeFileSync(file, manifests.map((one) => `---\n${JSON.stringify(one)}\n`).join(""));
  for (const version of VERSIONS) {
    const args = ["--strict", "--kubernetes-version", version, file];
    const { status, stdout, stderr } = spawnSync(VALIDATOR, args, { encoding: "utf8" });
    if (status !== 0 || /ERROR|WARN/.test(stdout + stderr)) throw new Error(stdout + stderr);
  }
}
