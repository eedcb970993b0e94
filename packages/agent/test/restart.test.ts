import assert from "node:assert/strict";
import { appendFileSync, chmodSync, chownSync, mkdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mountAt, mountsRefused } from "../src/watch/mounting.ts";
import { type AgentOptions, makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually, openFiles } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

const SETPRIV = "/usr/bin/setpriv";
const NOBODY = 65534;
const asRoot = process.geteuid?.() === 0 ? false : "needs root, to run the agent as another user";

async function arrives(sink: Sink, ...expected: readonly string[]): Promise<void> {
  await sink.until(() => sink.texts().length >= expected.length, `${expected.length} lines`);
  assert.deepEqual(sink.texts().toSorted(), expected.toSorted());
}

/** A sink whose answers are all of one status while `down`. */
function outage(sink: Sink, status = 503): { down: boolean } {
  const state = { down: true };
  sink.behave((_, response) => {
    if (state.down) response.writeHead(status).end();
    return state.down;
  });
  return state;
}

test("a long line in flight at a kill -9 comes again in the same parts, within the same limit", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "a.log");
  const env = {
    LOGDNA_LINE_MAX_PART: "65536",
    LOGDNA_LINE_MAX: "300000",
    LOGDNA_INGEST_BUFFER_SIZE: "600000",
    LOGDNA_MAX_IN_FLIGHT: "2",
  };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const state = outage(sink);
  writeFileSync(log, `${"é".repeat(250_000)}\nshort\n${"b".repeat(140_000)}\nend\n`);
  await sink.until(() => sink.requests.length >= 3, "attempts");
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  state.down = false;
  await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("end"), "the last line");
  const of = (offset: number): unknown[] =>
    sink.lines().flatMap(({ line, meta }) => {
      const { line_offset, line_part, line_end } = (meta ?? {}) as Record<string, unknown>;
      return line_offset === offset ? [[line_part, line_end, Buffer.byteLength(line)]] : [];
    });
  const kept = (lines: unknown[]): number => lines.reduce((sum: number, line) => sum + ((line as number[])[2] ?? 0), 0);
  const first = of(0);
  const parts = first.map((line) => (line as number[])[0]);
  assert.deepEqual(
    parts,
    parts.map((_, n) => n + 1),
  );
  assert.equal(kept(first.slice(0, -1)), 300_000);
  assert.deepEqual(first.map((line) => (line as unknown[])[1]).indexOf(true), first.length - 1);
  const second = of(500_007);
  assert.deepEqual(
    second.map((line) => (line as unknown[])[1]),
    [false, false, true],
  );
  assert.equal(kept(second), 140_000);
});

test("a deleted file that is held open through an outage survives a reload of the configuration", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_SHUTDOWN_TIMEOUT: "500" } });
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\n");
  await arrives(sink, "one");
  const state = outage(sink, 401);
  appendFileSync(log, "two\nhalf");
  await sink.until(() => sink.requests.length > 1, "an attempt");
  unlinkSync(log);
  await eventually(() => openFiles(agent.pid, place.logs).some((path) => path.endsWith("(deleted)")), "the file held");
  const reloaded = (): number => agent.log().filter(({ event }) => event === "config_reloaded").length;
  for (const times of [1, 2]) {
    agent.child.kill("SIGHUP");
    await eventually(() => reloaded() === times, "the configuration read again");
  }
  state.down = false;
  // The new key is tried with the next attempt after the reload, at once.
  await arrives(sink, "one", "two", "half");
  assert.equal(await agent.stop(), 0);
});

test("an inode that another file gets while lines of the old one are on their way confuses nothing", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port });
  const old = join(place.logs, "old.log");
  const fresh = join(place.logs, "new.log");
  writeFileSync(old, "old\n");
  await arrives(sink, "old");
  const state = outage(sink);
  appendFileSync(old, "old again\n");
  await sink.until(() => sink.requests.length > 1, "an attempt");
  const { ino } = statSync(old);
  unlinkSync(old);
  await eventually(() => openFiles(agent.pid, place.logs).length === 0, "the deleted file closed", 30_000);
  // The file system may give the number again at once, which is what this is about; elsewhere it proves less.
  writeFileSync(fresh, "new 1\n");
  t.diagnostic(
    statSync(fresh).ino === ino ? "the inode number was reused" : "the file system gave another inode number",
  );
  state.down = false;
  await arrives(sink, "old", "old again", "new 1");
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  appendFileSync(fresh, "new 2\n");
  await startedAgent(t, { place, port: sink.port });
  await arrives(sink, "old", "old again", "new 1", "new 2");
});

test("a full disk under the state stops neither the agent nor the lines", { skip: mountsRefused() }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  mkdirSync(place.state);
  const unmount = mountAt(place.state, "-t", "tmpfs", "-o", "size=400k", "tmpfs");
  const agent = await startedAgent(t, { place, port: sink.port });
  // Behind the end of the agent, which holds its state open.
  t.after(unmount);
  const log = join(place.logs, "a.log");
  writeFileSync(log, "before\n");
  await sink.until(() => sink.texts().includes("before"));
  const filler = join(place.state, "filler");
  try {
    for (;;) appendFileSync(filler, Buffer.alloc(4096));
  } catch {
    // The disk is full.
  }
  const expected = ["before"];
  for (let n = 0; n < 60; n += 1) {
    writeFileSync(join(place.logs, `${n}.log`), `new ${n}\n`);
    appendFileSync(log, `more ${n}\n`);
    expected.push(`new ${n}`, `more ${n}`);
    await sink.until(() => sink.texts().includes(`new ${n}`) && sink.texts().includes(`more ${n}`), `round ${n}`);
  }
  unlinkSync(join(place.logs, "0.log"));
  await agent.logged(({ event }) => event === "checkpoint_failed");
  assert.deepEqual(sink.texts().toSorted(), expected.toSorted());
  // With room again the state catches up: a kill -9 afterwards repeats nothing.
  unlinkSync(filler);
  appendFileSync(log, "room again\n");
  for (let n = 1; n < 60; n += 1) appendFileSync(join(place.logs, `${n}.log`), `last ${n}\n`);
  expected.push("room again", ...Array.from({ length: 59 }, (_, n) => `last ${n + 1}`));
  await arrives(sink, ...expected);
  assert.equal(await agent.stop(), 0);
  const again = await startedAgent(t, { place, port: sink.port });
  appendFileSync(log, "after the restart\n");
  await arrives(sink, ...expected, "after the restart");
  assert.equal(await again.stop(), 0);
});

test("what cannot be read at a restart is resumed when it can", { skip: asRoot }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  chmodSync(place.root, 0o755);
  mkdirSync(place.state);
  const closed = join(place.logs, "closed");
  mkdirSync(closed);
  const logs = { file: join(place.logs, "a.log"), beneath: join(closed, "b.log") };
  for (const path of [place.logs, closed, place.state]) chownSync(path, NOBODY, NOBODY);
  const options = unprivileged(place, sink.port);
  const agent = await startedAgent(t, options);
  writeFileSync(logs.file, "a1\n");
  writeFileSync(logs.beneath, "b1\n");
  await arrives(sink, "a1", "b1");
  assert.equal(await agent.stop(), 0);
  appendFileSync(logs.file, "a2\n");
  appendFileSync(logs.beneath, "b2\n");
  writeFileSync(join(place.logs, "c.log"), "c1\n", { mode: 0o600 });
  chmodSync(logs.file, 0o600);
  chownSync(closed, 0, 0);
  chmodSync(closed, 0o700);
  const again = await startedAgent(t, options);
  await again.logged(({ event, path }) => event === "file_unreadable" && path === logs.file);
  await again.logged(({ event, path }) => event === "directory_unreadable" && path === closed);
  chmodSync(logs.file, 0o644);
  await arrives(sink, "a1", "b1", "a2");
  chmodSync(closed, 0o755);
  await arrives(sink, "a1", "b1", "a2", "b2");
  chmodSync(join(place.logs, "c.log"), 0o644);
  await arrives(sink, "a1", "b1", "a2", "b2", "c1");
  assert.equal(await again.stop(), 0);
});

/** An agent of an unprivileged user, who may list the logs' directory. */
function unprivileged(place: Place, port: number): AgentOptions {
  const id = String(NOBODY);
  return { place, port, wrapper: [SETPRIV, "--reuid", id, "--regid", id, "--clear-groups", "--"] };
}

test("a directory that is mounted after the start resumes where its files were", {
  skip: mountsRefused(),
}, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const image = join(place.root, "image");
  const point = join(place.logs, "volume");
  mkdirSync(image);
  mkdirSync(point);
  let unmount = mountAt(point, "--bind", image);
  const log = join(point, "a.log");
  writeFileSync(log, "one\n");
  const agent = await startedAgent(t, { place, port: sink.port });
  appendFileSync(log, "two\n");
  await arrives(sink, "two");
  assert.equal(await agent.stop(), 0);
  await unmount();
  appendFileSync(join(image, "a.log"), "three\n");
  const again = await startedAgent(t, { place, port: sink.port });
  t.after(() => unmount());
  unmount = mountAt(point, "--bind", image);
  await arrives(sink, "two", "three");
  assert.equal(await again.stop(), 0);
});
