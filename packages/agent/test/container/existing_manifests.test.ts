import assert from "node:assert/strict";
import { appendFileSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { startSink } from "../sink.ts";
import { podOf } from "./manifests.ts";
import { makeHost, noContainers, startContainer } from "./node.ts";

const EXISTING = "packages/agent/test/container/existing";
const SERVICE = 33;
const AGENT = 10_001;

for (const [manifest, uid, capability, hostname] of [
  ["v1", AGENT, "CAP_DAC_OVERRIDE", "the-node"],
  ["v2", 0, "CAP_DAC_READ_SEARCH", "the-node"],
  ["v2_no_capability", 0, "none", "agent-pod"],
] as const) {
  test(`the manifest of ${manifest} works with the image alone changed`, { skip: noContainers }, async (t) => {
    const host = makeHost();
    for (const directory of ["/etc", "/var/run"]) mkdirSync(host.at(directory), { recursive: true });
    writeFileSync(host.at("/var/run/docker.sock"), "");
    writeFileSync(host.at("/etc/hostname"), "the-node\n");
    writeFileSync(host.at("/etc/os-release"), "ID=host\n");
    const sink = await startSink();
    t.after(() => sink.close());
    const log = host.containerLog("web-5d8f", "nginx");
    const privateLog = host.at("/var/log/service.log");
    writeFileSync(privateLog, "", { mode: 0o600 });
    chownSync(privateLog, SERVICE, SERVICE);
    const pod = podOf(`${EXISTING}/${manifest}.yaml`);
    // Where it ships to is all that a test adds.
    const env = { LOGDNA_HOST: `localhost:${sink.port}`, LOGDNA_USE_SSL: "false", LOGDNA_LOG_LEVEL: "debug" };
    const agent = startContainer(t, sink.port, { host, pod, env });
    const confined = await agent.logged(({ event }) => event === "confined", "confined");
    assert.deepEqual([confined.uid, confined.capability], [uid, capability]);
    const layers = confined.layers as readonly string[];
    for (const layer of ["capabilities", "no_new_privs", "landlock", "seccomp"])
      assert.ok(layers.includes(layer), layer);
    await agent.logged(({ event }) => event === "agent_started", "agent_started");
    appendFileSync(privateLog, "of a service\n");
    log.write("one", "two");
    await sink.until(() => sink.texts(log.link).length === 2);
    if (capability !== "none") await sink.until(() => sink.texts("/var/log/service.log").length === 1);
    const { url, headers } = sink.accepted[0] ?? assert.fail("nothing was sent");
    assert.equal(url.searchParams.get("hostname"), hostname);
    assert.equal(headers.apikey, "test-key-0123456789");
    assert.equal(agent.exec("logdna-agent", "status").status, 0);
    assert.equal(await agent.stop(), 0);
  });
}
