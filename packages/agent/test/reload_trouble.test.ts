import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { StateStore } from "../src/state/state_store.ts";
import { mountAt, mountsRefused } from "../src/watch/mounting.ts";
import { makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { makeAuthority } from "./certificates.ts";
import { eventually, openFiles } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

async function openSink(t: TestContext, ...options: Parameters<typeof startSink>): Promise<Sink> {
  const sink = await startSink(...options);
  t.after(() => sink.close());
  return sink;
}

/** A state directory on a small file system of its own; the result unmounts it. */
function smallState({ state }: Place): () => Promise<void> {
  mkdirSync(state, { mode: 0o700 });
  return mountAt(state, "-t", "tmpfs", "-o", "size=600k,mode=700", "tmpfs");
}

/** Leaves no free byte beside the state. */
function fill({ state }: Place): string {
  // Under a name that the agent's own files have: a directory that others use it would not take.
  const filler = join(state, "scratch-filler");
  try {
    for (;;) appendFileSync(filler, Buffer.alloc(4096));
  } catch {
    return filler;
  }
}

test("certificates that cannot be used at SIGHUP change nothing, and the agent is not even stopped", async (t) => {
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const sink = await openSink(t, await authority.issue());
  const log = join(place.logs, "a.log");
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: authority.caFile };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  writeFileSync(log, "one\n");
  await sink.until(() => sink.texts().includes("one"));
  const good = readFileSync(authority.caFile);
  writeFileSync(authority.caFile, "no certificate");
  agent.child.kill("SIGHUP");
  const { message } = await agent.logged(({ event }) => event === "config_reload_failed");
  assert.match(message, /the old one stays in force: Cannot use the CA certificates/);
  appendFileSync(log, "two\n");
  await sink.until(() => sink.texts().includes("two"));
  writeFileSync(authority.caFile, good);
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reloaded");
  appendFileSync(log, "three\n");
  await sink.until(() => sink.texts().includes("three"));
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two", "three"]);
});

test("another state directory that cannot be used at SIGHUP changes nothing", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  const log = join(place.logs, "a.log");
  const config = join(place.root, "own.yaml");
  const configure = (state: string): void =>
    writeFileSync(config, `log:\n  dirs: [${JSON.stringify(place.logs)}]\n  db_path: ${JSON.stringify(state)}\n`);
  configure(place.state);
  const env = { LOGDNA_CONFIG_FILE: config, LOGDNA_DB_PATH: undefined, LOGDNA_CONFINEMENT: "off" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const other = join(place.root, "other");
  writeFileSync(other, "no directory");
  configure(other);
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reload_failed");
  writeFileSync(log, "one\n");
  await sink.until(() => sink.texts().includes("one"));
  // Later it can be: then the agent goes over to it.
  unlinkSync(other);
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reloaded");
  appendFileSync(log, "two\n");
  await sink.until(() => sink.texts().includes("two"));
  assert.equal(await agent.stop(), 0);
});

/** A state that can be opened, and is found damaged when its files are read. */
function damagedState(directory: string): void {
  const state = StateStore.open(directory);
  const checkpoint = { offset: 1, anchor: new Uint8Array(64), lineStart: 1, part: 0 };
  state.transaction(() => {
    for (let n = 0; n < 2000; n += 1) {
      const path = `/var/log/${"x".repeat(100)}-${n}.log`;
      state.addFile({ dev: 1n, ino: BigInt(n), born: 0n, path, headLength: 0, headCrc: 0, checkpoint });
    }
  });
  state.close();
  const path = join(directory, "state.sqlite");
  const bytes = readFileSync(path);
  bytes.fill(0xff, bytes.length / 2);
  writeFileSync(path, bytes);
}

test("another state that is found damaged only when the agent has ended for it: the old one goes on, with what it held open", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  const log = join(place.logs, "a.log");
  const config = join(place.root, "own.yaml");
  const configure = (state: string): void =>
    writeFileSync(config, `log:\n  dirs: [${JSON.stringify(place.logs)}]\n  db_path: ${JSON.stringify(state)}\n`);
  configure(place.state);
  const env = {
    LOGDNA_CONFIG_FILE: config,
    LOGDNA_DB_PATH: undefined,
    LOGDNA_CONFINEMENT: "off",
    LOGDNA_SHUTDOWN_TIMEOUT: "300",
  };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  let down = true;
  sink.behave((_, response) => {
    if (down) response.writeHead(503).end();
    return down;
  });
  writeFileSync(log, "one\n");
  await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file open");
  unlinkSync(log);
  const other = join(place.root, "other");
  damagedState(other);
  configure(other);
  agent.child.kill("SIGHUP");
  const { message } = await agent.logged(({ event }) => event === "config_reload_failed");
  assert.match(message, /malformed/);
  down = false;
  writeFileSync(join(place.logs, "b.log"), "two\n");
  await sink.until(() => sink.texts().includes("one") && sink.texts().includes("two"));
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts().toSorted(), ["one", "two"]);
});

test("a state that is found damaged when it is read ends the start, with what to do", async (t) => {
  const place = makePlace();
  damagedState(place.state);
  const agent = startAgent(t, { place, port: 1 });
  assert.equal(await agent.ended, 1);
  const failed = agent.log().find(({ event }) => event === "start_failed");
  assert.match(failed?.message ?? "", /state\.sqlite is damaged .*Move it away and start again/);
});

test("a full disk under the state at SIGHUP loses no line, also not of a deleted file", {
  skip: mountsRefused(),
}, async (t) => {
  const place = makePlace();
  const unmount = smallState(place);
  const sink = await openSink(t);
  const log = join(place.logs, "a.log");
  const fresh = join(place.logs, "fresh.log");
  const env = { LOGDNA_SHUTDOWN_TIMEOUT: "300" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  t.after(unmount);
  writeFileSync(log, "one\n");
  await sink.until(() => sink.texts().includes("one"));
  let down = true;
  sink.behave((_, response) => {
    if (down) response.writeHead(503).end();
    return down;
  });
  fill(place);
  appendFileSync(log, "two\n");
  // The state never hears of this one.
  writeFileSync(fresh, "new\n");
  await eventually(() => {
    const open = openFiles(agent.pid, place.logs);
    return open.includes(log) && open.includes(fresh);
  }, "both files open");
  unlinkSync(log);
  unlinkSync(fresh);
  await eventually(() => openFiles(agent.pid, place.logs).every((path) => path.endsWith("(deleted)")), "both deleted");
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reloaded");
  down = false;
  await sink.until(() => sink.texts().includes("two") && sink.texts().includes("new"));
  assert.equal(await agent.stop(), 0);
});

test("a full disk under the state of an earlier run does not keep the agent from shipping", {
  skip: mountsRefused(),
}, async (t) => {
  const place = makePlace();
  const unmount = smallState(place);
  const sink = await openSink(t);
  const log = join(place.logs, "a.log");
  const first = await startedAgent(t, { place, port: sink.port });
  writeFileSync(log, "one\n");
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  fill(place);
  appendFileSync(log, "two\n");
  const second = await startedAgent(t, { place, port: sink.port });
  t.after(unmount);
  await sink.until(() => sink.texts().includes("two"));
  await second.logged(({ event, level }) => event === "checkpoint_failed" && level === "error");
  // Nobody else may use the state meanwhile.
  const other = startAgent(t, { place, port: sink.port });
  assert.equal(await other.ended, 1);
  assert.match(other.output(), /Another agent is using the state/);
  assert.equal(await second.stop(), 0);
});

test("a first start on a full disk is tried again until there is room, and reads nothing before", {
  skip: mountsRefused(),
}, async (t) => {
  const place = makePlace();
  const unmount = smallState(place);
  const sink = await openSink(t);
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\n");
  const filler = fill(place);
  const env = { LOGDNA_LOOKBACK: "start" };
  const agent = startAgent(t, { place, port: sink.port, env });
  t.after(unmount);
  const { message } = await agent.logged(({ event, level }) => event === "start_delayed" && level === "error");
  assert.match(message, /the disk is full.*Nothing is read meanwhile.*tried again in/);
  // SIGHUP tries again at once, in vain.
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reload_failed");
  assert.deepEqual(sink.requests, []);
  unlinkSync(filler);
  await agent.logged(({ event }) => event === "agent_started");
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await agent.stop(), 0);
  // It also ends when it is told to while it waits.
  unlinkSync(join(place.state, "state.sqlite"));
  fill(place);
  const next = startAgent(t, { place, port: sink.port, env });
  await next.logged(({ event }) => event === "start_delayed");
  assert.equal(await next.stop(), 0);
});
