import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startAgent, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { notifyReceiver } from "./notify_receiver.ts";
import { startSink } from "./sink.ts";

const skip = process.platform === "linux" ? false : "needs unix datagram sockets";

for (const confinement of ["best-effort", "off"])
  test(`with confinement ${confinement} the service manager hears that the agent is ready, lives and stops`, {
    skip,
  }, async (t) => {
    const place = makePlace();
    chmodSync(place.root, 0o755);
    const sink = await startSink();
    t.after(() => sink.close());
    const receiver = notifyReceiver(join(place.root, "notify"));
    chmodSync(receiver.path, 0o777);
    const env = { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: "300000", LOGDNA_CONFINEMENT: confinement };
    writeFileSync(join(place.logs, "a.log"), "");
    const agent = await startedAgent(t, { place, port: sink.port, env });
    const beats = (): number => receiver.messages().filter((one) => one === "WATCHDOG=1").length;
    await eventually(() => beats() >= 3, "three messages that it lives");
    assert.equal(receiver.messages()[0], "READY=1");
    assert.deepEqual(
      receiver.messages().filter((one) => one.startsWith("STATUS=")),
      [`STATUS=shipping; the server is http://localhost:${sink.port}/logs/agent`],
    );
    assert.equal(await agent.stop(), 0);
    assert.equal(receiver.messages().filter((one) => one === "STOPPING=1").length, 1);
    assert.doesNotMatch(receiver.messages().join("\n"), /test-key/);
  });

test("a name in the abstract namespace is one, too, and without a watchdog none is fed", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const receiver = notifyReceiver(`@logdna-agent-test-${process.pid}`);
  const agent = await startedAgent(t, { place, port: sink.port, env: { NOTIFY_SOCKET: receiver.path } });
  await eventually(() => receiver.messages().includes("READY=1"), "READY=1");
  assert.equal(await agent.stop(), 0);
  assert.ok(!receiver.messages().includes("WATCHDOG=1"));
});

test("the agent works where the service manager cannot be reached", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const env = { NOTIFY_SOCKET: join(place.root, "missing"), WATCHDOG_USEC: "300000" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await agent.stop(), 0);
});

test("an agent that has no valid configuration is never ready", { skip }, async (t) => {
  const place = makePlace();
  const receiver = notifyReceiver(join(place.root, "notify"));
  const env = { NOTIFY_SOCKET: receiver.path, LOGDNA_INGESTION_KEY: undefined };
  const agent = startAgent(t, { place, port: 1, env });
  assert.equal(await agent.ended, 22);
  assert.deepEqual(receiver.messages(), []);
});
