import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { DoctorReport } from "../../src/doctor/report.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { makeAuthority } from "../certificates.ts";
import { REPOSITORY, traces } from "../confinement_bench.ts";
import { eventually } from "../eventually.ts";
import { type Sink, startSink } from "../sink.ts";
import { type Container, type PodSpec, podOf } from "./manifests.ts";
import {
  type ContainedAgent,
  given,
  type Host,
  makeHost,
  noContainers,
  rootfs,
  runContainer,
  startContainer,
} from "./node.ts";

const DAEMONSET = "deploy/kubernetes/daemonset.yaml";
const NON_ROOT = "deploy/variants/non_root/daemonset.yaml";
/** The user of the variant, and of a service of the host. */
const AGENT = 10_001;
const SERVICE = 33;
const LAYERS = ["core dumps", "mounts", "capabilities", "no_new_privs", "landlock", "seccomp"];
const skip = noContainers;

interface Running {
  readonly host: Host;
  readonly sink: Sink;
  readonly agent: ContainedAgent;
  /** A log that a service keeps to itself. */
  readonly privateLog: string;
}

/** Runs the agent of a pod on a host with a pod's log and a service's private one, against a server with TLS. */
async function running(t: TestContext, pod: PodSpec, env: Record<string, string> = {}): Promise<Running> {
  const host = makeHost();
  const authority = await makeAuthority(host.place.root);
  chmodSync(authority.caFile, 0o644);
  const sink = await startSink(await authority.issue());
  t.after(() => sink.close());
  const web = host.containerLog("web-5d8f", "nginx");
  web.write("before the start");
  const privateLog = host.at("/var/log/service.log");
  writeFileSync(privateLog, "of a service\n", { mode: 0o600 });
  chownSync(privateLog, SERVICE, SERVICE);
  const options = { host, pod, env: { ...site(sink), ...env }, mounts: [given("/ca.pem", authority.caFile)] };
  for (const container of pod.initContainers ?? []) {
    const { status, stderr } = runContainer({ ...options, container });
    assert.equal(status, 0, stderr);
  }
  const agent = startContainer(t, sink.port, options);
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  return { host, sink, agent, privateLog };
}

/** What a site adds to the manifest, and what lets a test see more. */
function site({ port }: Sink): Record<string, string> {
  return {
    LOGDNA_HOST: `localhost:${port}`,
    SSL_CERT_FILE: "/ca.pem",
    LOGDNA_LOOKBACK: "start",
    LOGDNA_LOG_LEVEL: "debug",
    LOGDNA_CONFINEMENT: "required",
  };
}

/** The agent's container with the seccomp profile of the repository instead of the runtime's. */
function withOwnProfile(pod: PodSpec): PodSpec {
  const seccompProfile = { type: "Localhost", localhostProfile: "logdna-agent.json" };
  const containers = pod.containers.map((one) => ({
    ...one,
    securityContext: { ...one.securityContext, seccompProfile },
  }));
  return { ...pod, containers };
}

test("the image has no shell, no setuid file and nothing that others may write to, and says what it consists of", {
  skip,
}, () => {
  const image = rootfs();
  const files = readdirSync(image, { recursive: true, withFileTypes: true });
  const programs = files.filter(({ parentPath }) => parentPath === join(image, "usr/bin")).map(({ name }) => name);
  assert.deepEqual(programs.sort(), ["logdna-agent", "node"]);
  for (const file of files) {
    if (file.isSymbolicLink()) continue;
    const path = join(file.parentPath, file.name);
    const { uid, gid, mode } = statSync(path);
    assert.deepEqual([uid, gid, mode & 0o6000, path.endsWith("/tmp") ? 0 : mode & 0o022], [0, 0, 0, 0], path);
  }
  const capable = execFileSync("getcap", ["-r", image], { encoding: "utf8" });
  assert.equal(capable, `${image}/usr/bin/node cap_dac_read_search=p\n`);
  const bill = JSON.parse(readFileSync(join(image, "usr/share/sbom/logdna-agent.cdx.json"), "utf8"));
  const names = bill.components.map(({ name }: { name: string }) => name);
  const { dependencies } = JSON.parse(readFileSync(join(REPOSITORY, "packages/agent/package.json"), "utf8"));
  for (const name of Object.keys(dependencies).filter((one) => !one.startsWith("@logdna-agent/")))
    assert.ok(names.includes(name), name);
  assert.ok(["node", "libc6", "libstdc++6", "ca-certificates"].every((name) => names.includes(name)));
  assert.ok(!names.includes("esbuild"), "what it is built with is not in it");
});

for (const [what, pod, uid, capability] of [
  ["root by number without any capability", podOf(DAEMONSET), 0, "none"],
  ["the same under our own seccomp profile", withOwnProfile(podOf(DAEMONSET)), 0, "none"],
  ["an ordinary user with the one capability", podOf(DAEMONSET, NON_ROOT), AGENT, "CAP_DAC_READ_SEARCH"],
  ["that user under our own seccomp profile", withOwnProfile(podOf(DAEMONSET, NON_ROOT)), AGENT, "CAP_DAC_READ_SEARCH"],
] as const) {
  test(`${what}: every layer is in force, lines of containers are shipped, and nothing of the host changes`, {
    skip,
  }, async (t) => {
    const { host, sink, agent, privateLog } = await running(t, pod);
    const confined = await agent.logged(({ event }) => event === "confined", "confined");
    assert.deepEqual([confined.layers, confined.uid, confined.capability], [LAYERS, uid, capability]);
    const api = host.containerLog("api-77c9", "server");
    const before = traces(api.path) as object;
    api.write("one", "two");
    await sink.until(() => sink.texts(api.link).length === 2);
    assert.match(sink.texts(api.link)[1] ?? "", /^\d{4}-\S+ stdout F two$/);
    assert.deepEqual(sink.texts().filter((text) => text.endsWith("before the start")).length, 1);
    const after = traces(api.path) as object;
    assert.deepEqual(
      { ...after, size: 0, mtimeNs: 0, ctimeNs: 0 },
      { ...before, size: 0, mtimeNs: 0, ctimeNs: 0 },
      "times of access, mode and owner stay",
    );
    const reads = capability !== "none";
    if (reads) await sink.until(() => sink.texts().includes("of a service"));
    else await agent.logged(({ event, path }) => event === "file_unreadable" && path === "/var/log/service.log");
    assert.equal(sink.texts().includes("of a service"), reads);
    assert.equal(statSync(privateLog).mode & 0o777, 0o600);
    const { command: ready } = probeOf(pod, "readinessProbe");
    for (const name of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
      const { status, stderr } = agent.exec(...probeOf(pod, name).command);
      assert.equal(status, 0, `${name}: ${stderr}`);
    }
    sink.behave((_, response) => {
      response.writeHead(503).end();
      return true;
    });
    api.write("three");
    await agent.logged(({ event }) => event === "delivery_failed", "delivery_failed");
    await eventually(() => agent.exec(...ready).status === 1, "an agent that is not ready");
    sink.behave(undefined);
    await sink.until(() => sink.texts(api.link).length === 3);
    const report = JSON.parse(agent.exec("logdna-agent", "status", "--json").stdout) as StatusReport;
    assert.deepEqual([report.confinement.complete, report.accounting.dropped], [true, 0]);
    assert.equal(await agent.stop(), 0);
    const owner = statSync(host.at("/var/lib/logdna"));
    assert.deepEqual([owner.uid, owner.mode & 0o777], [uid, 0o700]);
  });
}

test("doctor in the container tries what is refused, and tells what it cannot read", { skip }, async (t) => {
  for (const [pod, unreadable] of [
    [podOf(DAEMONSET), ["/var/log/service.log"]],
    [podOf(DAEMONSET, NON_ROOT), []],
  ] as const) {
    const { agent } = await running(t, pod);
    const { stdout, stderr, status } = agent.exec("logdna-agent", "doctor", "--json");
    assert.notEqual(stdout, "", stderr);
    const report = JSON.parse(stdout) as DoctorReport;
    assert.deepEqual(report.files.unreadable, unreadable);
    assert.equal(report.layers.notTried, undefined);
    assert.deepEqual(report.layers.excesses, []);
    assert.deepEqual(
      report.layers.outcomes.filter(({ state }) => state === "applied").map(({ layer }) => layer),
      LAYERS,
    );
    assert.ok(report.layers.refusals.length >= 5);
    for (const { what, refused, code } of report.layers.refusals) assert.ok(refused, `${what}: ${code}`);
    assert.equal(report.verdict.state, unreadable.length === 0 ? "confined" : "not ready");
    assert.equal(status, unreadable.length === 0 ? 0 : 1);
    assert.equal(await agent.stop(), 0);
  }
});

test("a container that ends and is started anew goes on where it was, and a rotated key is found", {
  skip,
}, async (t) => {
  const { host, sink, agent } = await running(t, podOf(DAEMONSET));
  await sink.until(() => sink.texts().length > 0);
  agent.exec("/usr/bin/node", "-e", "process.kill(1, 'SIGTERM')");
  assert.equal(await agent.ended, 0);
  const web = host.containerLog("batch-1", "job");
  web.write("while it was away");
  const key = join(host.place.root, "volumes/key/..2026_01_01/logdna-agent-key");
  writeFileSync(key, readFileSync(key, "utf8").replace("test-key", "next-key"));
  const caFile = join(host.place.root, "test-authority.pem");
  const mounts = [given("/ca.pem", caFile)];
  const again = startContainer(t, sink.port, { host, pod: podOf(DAEMONSET), env: site(sink), mounts });
  await sink.until(() => sink.texts(web.link).length === 1);
  assert.equal(sink.texts().filter((text) => text.endsWith("before the start")).length, 1);
  assert.match(String(sink.accepted.at(-1)?.headers.apikey), /^next-key-/);
  assert.equal(await again.stop(), 0);
});

function probeOf(pod: PodSpec, name: "startupProbe" | "livenessProbe" | "readinessProbe") {
  const probe = (pod.containers[0] as Container)[name];
  assert.ok(probe !== undefined, name);
  return probe.exec;
}
