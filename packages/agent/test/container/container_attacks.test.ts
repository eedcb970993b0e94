import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ARCHITECTURES, thisArchitecture } from "../../../../scripts/image/architecture.ts";
import { ENTRYPOINT } from "../../../../scripts/image/rootfs.ts";
import { refused, targets, traces } from "../confinement_bench.ts";
import { startSink } from "../sink.ts";
import type { TakeoverInput } from "../takeover.ts";
import { type PodSpec, podOf } from "./manifests.ts";
import { given, makeHost, noContainers, runContainer, startContainer } from "./node.ts";
import { bound } from "./oci_config.ts";

const DAEMONSET = "deploy/kubernetes/daemonset.yaml";
const NON_ROOT = "deploy/variants/non_root/daemonset.yaml";
const V2 = "packages/agent/test/container/existing/v2.yaml";
const TAKEOVER = fileURLToPath(new URL("../takeover.ts", import.meta.url));
/** Beside the program, where a module of it would be. */
const INSIDE = "/usr/lib/logdna-agent/agent/takeover.mjs";
const skip = noContainers || refused;

/** Takes the agent in its container over from inside while it ships, and gives what came of each attack. */
async function takenOver(t: TestContext, pod: PodSpec, confinement: string) {
  const host = makeHost();
  const { place } = host;
  mkdirSync(host.at("/etc"), { recursive: true });
  writeFileSync(host.at("/etc/hostname"), "the-node\n");
  writeFileSync(host.at("/etc/os-release"), "ID=host\n");
  const sink = await startSink();
  t.after(() => sink.close());
  const logs = host.at("/var/log");
  const { stolen, rootLog, ownLog, shared, ...attacked } = await targets(t, { ...place, logs });
  chmodSync(logs, 0o777);
  const directory = mkdtempSync(join(tmpdir(), "takeover-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  const module = join(directory, "takeover.mjs");
  await build({ entryPoints: [TAKEOVER], outfile: module, bundle: true, platform: "node", format: "esm" });
  const uid = pod.securityContext?.runAsUser ?? 0;
  const loader = ARCHITECTURES[thisArchitecture()]?.loader ?? "";
  const input: TakeoverInput = {
    ...attacked,
    ...{ logs: "/var/log", rootLog: "/var/log/root.log", ownLog: "/var/log/own.log", shared: "/shared" },
    ...{ unixSocket: "/shared/socket", program: "/usr/bin/node", handleMount: "/var/lib/logdna" },
    policy: { stateDirectory: "/var/lib/logdna", executables: ["/usr/bin/node", loader], uid, gid: uid },
    trigger: "/var/log/trigger",
    yek: [..."test-key-0123456789"].reverse().join(""),
    nodePermissions: false,
  };
  const [node = "", ...args] = ENTRYPOINT;
  const options = {
    host,
    pod,
    entrypoint: [node, "--import", INSIDE, ...args],
    env: {
      LOGDNA_HOST: `localhost:${sink.port}`,
      LOGDNA_USE_SSL: "false",
      LOGDNA_LOOKBACK: "start",
      LOGDNA_CONFINEMENT: confinement,
      TAKEOVER: JSON.stringify(input),
    },
    mounts: [given(INSIDE, module), bound("/shared", shared, false)],
  };
  for (const container of pod.initContainers ?? []) assert.equal(runContainer({ ...options, container }).status, 0);
  const agent = startContainer(t, sink.port, options);
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  await sink.until(() => sink.texts().includes("of root"));
  const before = [rootLog, ownLog].map(traces);
  writeFileSync(host.at("/var/log/trigger"), "");
  const { results } = await agent.logged(({ event }) => event === "takeover", "takeover");
  const after = [rootLog, ownLog].map(traces);
  return { agent, sink, results: results as Record<string, string>, before, after, stolen, rootLog };
}

for (const [what, pod] of [
  ["as the DaemonSet runs it", podOf(DAEMONSET)],
  ["as an ordinary user with the capability", podOf(DAEMONSET, NON_ROOT)],
  ["under the manifest of v2, which lets it write to the logs", podOf(V2)],
] as const) {
  test(`taken over in its container, ${what}, the agent can do nothing beyond that, and goes on`, {
    skip,
  }, async (t) => {
    const { agent, sink, results, before, after, stolen, rootLog } = await takenOver(t, pod, "best-effort");
    assert.ok(Object.keys(results).length > 60);
    assert.deepEqual(
      Object.keys(results).filter((name) => results[name] === "done"),
      [],
    );
    assert.deepEqual(after, before, "the logs are as they were");
    assert.equal(stolen(), "");
    appendFileSync(rootLog, "after the attacks\n");
    await sink.until(() => sink.texts().includes("after the attacks"));
    assert.equal(await agent.stop(), 0);
  });
}

test("links that a service plants in the host's logs lead to nothing of the container, its key first of all", {
  skip,
}, async (t) => {
  const host = makeHost();
  const sink = await startSink();
  t.after(() => sink.close());
  const targets = {
    key: "/etc/logdna/key/logdna-agent-key",
    users: "/etc/passwd",
    state: "/var/lib/logdna/status.json",
    environment: "/proc/1/environ",
    memory: "/proc/self/mem",
    root: "/proc/1/root/etc/group",
    above: "../../../etc/nsswitch.conf",
  };
  const log = host.containerLog("web-5d8f", "nginx");
  const plant = (prefix: string): void => {
    for (const [name, target] of Object.entries(targets)) {
      symlinkSync(target, host.at(`/var/log/${prefix}-${name}.log`));
      symlinkSync(target, host.at(`/var/log/containers/${prefix}-${name}_default_c-${"0".repeat(64)}.log`));
    }
    symlinkSync("/etc/logdna/key", host.at(`/var/log/${prefix}-directory`));
    execFileSync("mkfifo", [host.at(`/var/log/${prefix}-pipe.log`)]);
  };
  plant("early");
  const env = { LOGDNA_HOST: `localhost:${sink.port}`, LOGDNA_USE_SSL: "false", LOGDNA_LOOKBACK: "start" };
  const agent = startContainer(t, sink.port, { host, pod: podOf(DAEMONSET), env });
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  plant("late");
  log.write("of the container");
  await sink.until(() => sink.texts(log.link).length === 1);
  for (const prefix of ["early", "late"])
    await agent.logged(({ event, path }) => event === "link_outside_refused" && String(path).includes(`${prefix}-key`));
  assert.deepEqual(
    sink.lines().map(({ file }) => file),
    [log.link],
  );
  assert.equal(await agent.stop(), 0);
});

test("the container alone refuses much of that, and not all: the rest is the agent's own confinement", {
  skip,
}, async (t) => {
  const { results, stolen } = await takenOver(t, podOf(DAEMONSET), "off");
  const through = Object.keys(results).filter((name) => results[name] === "done");
  for (const name of ["openByHandle", "writeRootLog", "chmodRootLog", "remount", "bpf"])
    assert.ok(!through.includes(name), `${name} is held back by the container`);
  for (const name of ["readShared", "writeShared", "connectElsewhere", "abstractSocket", "spawnProgram"])
    assert.ok(through.includes(name), `${name} gets through the container: ${results[name]}`);
  assert.match(stolen(), /stolen/);
  t.diagnostic(`through the container alone: ${through.join(" ")}`);
});
