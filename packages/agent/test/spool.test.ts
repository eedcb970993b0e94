import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { mountAt, mountsRefused } from "../src/watch/mounting.ts";
import { type AgentProcess, makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { eventually, openFiles } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

const STRACE = "/usr/bin/strace";

/** Little is on its way at once, so that most of a file waits. */
const NARROW = { LOGDNA_MAX_IN_FLIGHT: "1", LOGDNA_INGEST_BUFFER_SIZE: "300000", LOGDNA_SHUTDOWN_TIMEOUT: "500" };

/** A sink that takes nothing while `down`. */
async function downSink(t: TestContext): Promise<{ sink: Sink; outage: { down: boolean } }> {
  const sink = await startSink();
  t.after(() => sink.close());
  const outage = { down: true };
  sink.behave((_, response) => {
    if (outage.down) response.writeHead(503).end();
    return outage.down;
  });
  return { sink, outage };
}

function numbered(name: string, count: number, filler = ""): string[] {
  return Array.from({ length: count }, (_, n) => `${name} ${n} ${filler}`);
}

function write(path: string, lines: readonly string[]): number {
  writeFileSync(path, `${lines.join("\n")}\n`);
  return statSync(path).size;
}

/** Resolves once a deleted file is in the spool up to its end. */
async function copied(agent: AgentProcess, path: string, size: number): Promise<void> {
  await agent.logged((line) => line.event === "segment_written" && line.path === path && line.end === size);
}

function spooled({ state }: Place): string[] {
  return readdirSync(state).filter((name) => name.startsWith("spool-"));
}

async function arrivesOnce(sink: Sink, path: string, lines: readonly string[]): Promise<void> {
  await sink.until(() => sink.texts(path).length >= lines.length, `${lines.length} lines of ${path}`);
  assert.deepEqual(sink.texts(path), lines);
}

test("files that are deleted while the server is away survive kill -9, and arrive once and in order", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const first = await startedAgent(t, { place, port: sink.port, env: NARROW });
  const large = join(place.logs, "large.log");
  const small = join(place.logs, "small.log");
  const largeLines = numbered("large", 40_000, "x".repeat(80));
  const smallLines = numbered("small", 3);
  const smallSize = write(small, smallLines);
  // All of the small file is on its way when it is deleted.
  await sink.until(() => sink.requests.some(({ lines }) => lines.some(({ file }) => file === small)), "an attempt");
  const largeSize = write(large, largeLines);
  await eventually(() => openFiles(first.pid, place.logs).includes(large), "the large file read");
  unlinkSync(small);
  unlinkSync(large);
  await Promise.all([copied(first, small, smallSize), copied(first, large, largeSize)]);
  assert.equal(statSync(place.state).mode & 0o777, 0o700);
  for (const name of spooled(place)) assert.equal(statSync(join(place.state, name)).mode & 0o777, 0o600);
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  outage.down = false;
  const second = await startedAgent(t, { place, port: sink.port, env: NARROW });
  await arrivesOnce(sink, small, smallLines);
  await arrivesOnce(sink, large, largeLines);
  await eventually(() => spooled(place).length === 0, "the spool empty");
  assert.equal(await second.stop(), 0);
});

test("what is deleted right before the agent is stopped is sent by the next one", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 20_000, "y".repeat(40));
  const first = await startedAgent(t, { place, port: sink.port, env: NARROW });
  write(log, lines);
  await eventually(() => openFiles(first.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  assert.equal(await first.stop(), 0);
  outage.down = false;
  await startedAgent(t, { place, port: sink.port, env: NARROW });
  await arrivesOnce(sink, log, lines);
});

test("lines that are on their way for long, of a file that is deleted only then, survive kill -9", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const first = await startedAgent(t, { place, port: sink.port });
  const log = join(place.logs, "a.log");
  const size = write(log, numbered("a", 3));
  // By then a file that is read to its end would be closed.
  const since = Date.now();
  await sink.until(() => (sink.requests.at(-1)?.at ?? 0) > since + 3000, "attempts for three seconds");
  unlinkSync(log);
  await copied(first, log, size);
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  outage.down = false;
  await startedAgent(t, { place, port: sink.port });
  await arrivesOnce(sink, log, numbered("a", 3));
});

test("what a writer adds to a file that is deleted already survives kill -9 as well", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const first = await startedAgent(t, { place, port: sink.port, env: NARROW });
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 10_000);
  const writer = openSync(log, "a");
  t.after(() => closeSync(writer));
  writeSync(writer, `${lines.slice(0, 5000).join("\n")}\n`);
  await eventually(() => openFiles(first.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  await copied(first, log, fstatSync(writer).size);
  writeSync(writer, `${lines.slice(5000).join("\n")}\n`);
  await copied(first, log, fstatSync(writer).size);
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  outage.down = false;
  await startedAgent(t, { place, port: sink.port, env: NARROW });
  await arrivesOnce(sink, log, lines);
});

test("the space of a deleted file is free while the server is still away", { skip: mountsRefused() }, async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const unmount = mountAt(place.logs, "-t", "tmpfs", "-o", "size=64m", "tmpfs");
  const agent = await startedAgent(t, { place, port: sink.port });
  t.after(unmount);
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 200_000, "z".repeat(100));
  const used = (): number => {
    const { blocks, bfree, bsize } = statfsSync(place.logs);
    return (blocks - bfree) * bsize;
  };
  const size = write(log, lines);
  await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  assert.ok(used() >= size, "the agent holds it");
  await agent.logged(({ event }) => event === "file_spooled", "file_spooled");
  assert.ok(used() < 100_000, `${used()} bytes are used`);
  assert.deepEqual(openFiles(agent.pid, place.logs), []);
  const onDisk = spooled(place).reduce((sum, name) => sum + statSync(join(place.state, name)).size, 0);
  assert.ok(onDisk > 0 && onDisk < size / 4, `${onDisk} of ${size} bytes are on disk`);
  outage.down = false;
  await arrivesOnce(sink, log, lines);
  await eventually(() => spooled(place).length === 0, "the spool empty");
  assert.equal(await agent.stop(), 0);
});

test("beyond the limit the oldest are dropped and counted, and the rest arrives", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const limit = 400_000;
  const env = { ...NARROW, LOGDNA_RETRY_DISK_LIMIT: "400 kB" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const written = new Map<string, string[]>();
  let total = 0;
  for (const name of ["a", "b", "c", "d"]) {
    const log = join(place.logs, `${name}.log`);
    // Random hexadecimal digits: half of them is what compression can save.
    const lines = numbered(name, 3000).map((line) => line + randomBytes(50).toString("hex"));
    written.set(log, lines);
    const size = write(log, lines);
    total += size;
    await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file read");
    unlinkSync(log);
    await copied(agent, log, size);
    const onDisk = spooled(place).reduce((sum, file) => sum + statSync(join(place.state, file)).size, 0);
    assert.ok(onDisk <= limit, `${onDisk} bytes are on disk`);
  }
  const spooledFiles = (): number => agent.log().filter(({ event }) => event === "file_spooled").length;
  await eventually(() => spooledFiles() === written.size, "every file closed", 30_000);
  outage.down = false;
  const last = [...written.keys()].at(-1) ?? "";
  await sink.until(() => sink.texts(last).at(-1) === written.get(last)?.at(-1), "the last line");
  await eventually(() => spooled(place).length === 0, "the spool empty");
  assert.equal(await agent.stop(), 0);
  let arrived = 0;
  for (const [path, lines] of written) {
    const texts = sink.texts(path);
    const whole = new Set(lines);
    assert.deepEqual(
      texts.filter((text) => !whole.has(text)),
      [],
      "no half lines",
    );
    // In order, and none twice.
    const positions = texts.map((text) => lines.indexOf(text));
    assert.deepEqual(
      positions,
      positions.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(positions).size, positions.length);
    arrived += texts.reduce((sum, text) => sum + text.length + 1, 0);
  }
  const counters = agent.log().find(({ event }) => event === "agent_counters");
  assert.ok(Number(counters?.bytes_lost) > 0);
  assert.equal(arrived + Number(counters?.bytes_lost), total);
  assert.equal(counters?.bytes_lost_to_limit, counters?.bytes_lost);
  assert.deepEqual(sink.texts(last), written.get(last), "the newest is whole");
  assert.ok(agent.log().some(({ event, level }) => event === "spool_dropped" && level === "error"));
});

test("with RETRY_DISK_LIMIT=0 nothing is copied, and a deleted file is sent as long as the agent lives", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const env = { ...NARROW, LOGDNA_RETRY_DISK_LIMIT: "0" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 20_000, "y".repeat(40));
  write(log, lines);
  await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  // Longer than it takes until a file is copied.
  const attempts = sink.requests.length + 6;
  await sink.until(() => sink.requests.length > attempts, "attempts");
  const other = spooled(place);
  outage.down = false;
  await arrivesOnce(sink, log, lines);
  assert.deepEqual(other, []);
  assert.equal(await agent.stop(), 0);
  assert.equal(agent.log().find(({ event }) => event === "agent_counters")?.bytes_spooled, 0);
});

test("a reload of the configuration, before and after a deleted file is closed, changes nothing", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const agent = await startedAgent(t, { place, port: sink.port, env: NARROW });
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 20_000, "y".repeat(40));
  const size = write(log, lines);
  await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  let reloads = 0;
  const reload = async (): Promise<void> => {
    reloads += 1;
    agent.child.kill("SIGHUP");
    await eventually(
      () => agent.log().filter(({ event }) => event === "config_reloaded").length === reloads,
      "the configuration read again",
    );
  };
  await reload();
  await copied(agent, log, size);
  await reload();
  await agent.logged(({ event }) => event === "file_spooled", "file_spooled");
  assert.deepEqual(openFiles(agent.pid, place.logs), []);
  await reload();
  outage.down = false;
  await arrivesOnce(sink, log, lines);
  await eventually(() => spooled(place).length === 0, "the spool empty");
  assert.equal(await agent.stop(), 0);
});

test("more deleted files than may be open are all sent", async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  const env = { ...NARROW, LOGDNA_MAX_OPEN_FILES: "16" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const logs = Array.from({ length: 40 }, (_, n) => join(place.logs, `${n}.log`));
  for (const log of logs) {
    write(log, numbered(log, 2000));
    await eventually(() => openFiles(agent.pid, place.logs).includes(log), `${log} opened`);
    unlinkSync(log);
    // What is spooled makes room for the next.
    await eventually(() => openFiles(agent.pid, place.logs).length < 15, "room");
  }
  outage.down = false;
  for (const log of logs) await arrivesOnce(sink, log, numbered(log, 2000));
  assert.equal(await agent.stop(), 0);
});

/** An agent that was killed with a deleted file in its spool, in several segments. */
async function killedWithSpool(t: TestContext, place: Place, env: Readonly<Record<string, string>>) {
  const { sink, outage } = await downSink(t);
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 30_000).map((line) => line + randomBytes(20).toString("hex"));
  const size = write(log, lines);
  await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  await copied(agent, log, size);
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  outage.down = false;
  const segments = spooled(place).toSorted((a, b) => numberIn(a) - numberIn(b));
  assert.ok(segments.length > 4, `${segments.length} segments`);
  return { sink, log, lines, size, segments: segments.map((name) => join(place.state, name)) };
}

function numberIn(name: string): number {
  return Number.parseInt(name.slice("spool-".length), 10);
}

/** The limit makes segments small, and is far away. */
const MANY_SEGMENTS = { ...NARROW, LOGDNA_RETRY_DISK_LIMIT: "2 MiB" };

for (const [what, damage, reason] of [
  [
    "lost its last segment, as by a crash before that got its name",
    (paths) => unlinkSync(paths.at(-1) ?? ""),
    /missing/,
  ],
  ["has a segment cut short", (paths) => truncateSync(paths[2] ?? "", 1000), /1000 bytes instead of/],
  ["has a segment with a flipped bit", (paths) => flipBit(paths[2] ?? ""), /damaged/],
  ["has a segment with another name", (paths) => linkSync(paths[2] ?? "", join(paths[2] ?? "", "../../other")), /name/],
] as [string, (paths: string[]) => void, RegExp][]) {
  test(`of a spool that ${what}, all the rest arrives, and what is lost is counted`, async (t) => {
    const place = makePlace();
    const env = { ...MANY_SEGMENTS, LOGDNA_CONFINEMENT: "off" };
    const { sink, log, lines, size, segments } = await killedWithSpool(t, place, env);
    damage(segments);
    const agent = await startedAgent(t, { place, port: sink.port, env });
    const found = await agent.logged(({ event }) => event === "spool_damaged", "spool_damaged");
    assert.match(String(found.reason), reason);
    await eventually(() => spooled(place).length === 0, "the spool empty");
    const arrived = sink.texts(log);
    const known = new Set(lines);
    const whole = arrived.filter((line) => known.has(line));
    assert.ok(arrived.length - whole.length <= 1, "a line may be cut where something is missing");
    const bytes = arrived.reduce((sum, line) => sum + line.length + 1, 0);
    assert.equal(bytes + Number(found.bytes), size);
    assert.equal(new Set(arrived).size, arrived.length);
    assert.equal(await agent.stop(), 0);
    assert.equal(agent.log().find(({ event }) => event === "agent_counters")?.bytes_lost, found.bytes);
  });
}

/** A delayed system call holds the agent where it is to be killed, for so many microseconds. */
const STEP_US = 5_000_000;

for (const [step, delay, isThere, kept] of [
  ["is written and has no name yet", "delay_enter", (names) => names.some((name) => name.endsWith(".tmp")), 1],
  ["has just got its name", "delay_exit", (names) => names.filter((name) => name.endsWith(".zst")).length === 2, 2],
] as [string, string, (names: string[]) => boolean, number][]) {
  test(`a kill -9 at the moment at which a segment ${step} loses what was not copied, and that is counted`, {
    skip: existsSync(STRACE) ? false : "needs the program strace",
  }, async (t) => {
    const place = makePlace();
    const { sink, outage } = await downSink(t);
    const env = { ...MANY_SEGMENTS, LOGDNA_CONFINEMENT: "off" };
    // -D keeps the agent the child that signals go to; the second segment is the one.
    const inject = ["-e", "trace=rename", "-e", `inject=rename:${delay}=${STEP_US}:when=2`];
    const wrapper = [STRACE, "-D", "-f", "-qq", "-o", "/dev/null", ...inject];
    const first = await startedAgent(t, { place, port: sink.port, env, wrapper });
    const log = join(place.logs, "a.log");
    const lines = numbered("a", 30_000, "y".repeat(40));
    const size = write(log, lines);
    await eventually(() => openFiles(first.pid, place.logs).includes(log), "the file read");
    unlinkSync(log);
    const firstEnd = Number((await first.logged(({ event }) => event === "segment_written")).end);
    await eventually(() => isThere(spooled(place)), "the step");
    assert.equal(await first.stop("SIGKILL"), "SIGKILL");
    outage.down = false;
    const second = await startedAgent(t, { place, port: sink.port, env });
    await eventually(() => spooled(place).length === 0, "the spool empty");
    assert.equal(await second.stop(), 0);
    const arrived = sink.texts(log);
    assert.deepEqual(arrived, lines.slice(0, arrived.length));
    const bytes = arrived.reduce((sum, line) => sum + line.length + 1, 0);
    if (kept === 1) assert.equal(bytes, firstEnd);
    else assert.ok(bytes > firstEnd);
    const counters = second.log().find(({ event }) => event === "agent_counters");
    assert.equal(bytes + Number(counters?.bytes_lost), size);
  });
}

test("a state that is damaged and moved away takes nothing of the spool with it", async (t) => {
  const place = makePlace();
  const { sink, log, lines, segments } = await killedWithSpool(t, place, MANY_SEGMENTS);
  // Its log would heal it.
  unlinkSync(join(place.state, "state.sqlite-wal"));
  writeFileSync(join(place.state, "state.sqlite"), "damaged ".repeat(1000));
  const refused = startAgent(t, { place, port: sink.port, env: MANY_SEGMENTS });
  assert.equal(await refused.ended, 1);
  assert.match(refused.output(), /Move it away and start again/);
  for (const name of readdirSync(place.state)) if (name.startsWith("state.sqlite")) unlinkSync(join(place.state, name));
  const agent = await startedAgent(t, { place, port: sink.port, env: MANY_SEGMENTS });
  await arrivesOnce(sink, log, lines);
  await eventually(() => spooled(place).length === 0, "the spool empty");
  const adopted = agent.log().find(({ event }) => event === "spool_adopted");
  assert.deepEqual([adopted?.files, adopted?.segments], [1, segments.length]);
  assert.equal(await agent.stop(), 0);
  const counters = agent.log().find(({ event }) => event === "agent_counters");
  assert.equal(counters?.bytes_lost, 0);
});

test("what else is found under the names of the spool is removed or set aside, and no link is followed", async (t) => {
  const place = makePlace();
  const env = { ...MANY_SEGMENTS, LOGDNA_CONFINEMENT: "off" };
  const { sink, log, lines, segments } = await killedWithSpool(t, place, env);
  const precious = join(place.root, "precious");
  writeFileSync(precious, "precious");
  symlinkSync(precious, join(place.state, "spool-999.zst"));
  symlinkSync(precious, join(place.state, "spool-half.tmp"));
  writeFileSync(join(place.state, "spool-0000.tmp"), "half a segment");
  copyFileSync(segments[0] ?? "", join(place.state, "spool-998.zst"));
  chmodSync(segments[1] ?? "", 0o644);
  const agent = await startedAgent(t, { place, port: sink.port, env });
  await arrivesOnce(sink, log, lines);
  await eventually(() => spooled(place).length === 0, "the spool empty");
  assert.equal(readFileSync(precious, "utf8"), "precious");
  const strays = agent.log().filter(({ event }) => event === "spool_stray");
  assert.deepEqual(strays.map(({ path }) => basename(String(path))).toSorted(), ["spool-998.zst", "spool-999.zst"]);
  assert.equal(await agent.stop(), 0);
});

test("while the disk is full a deleted file is held open, and copied when there is room", {
  skip: mountsRefused(),
}, async (t) => {
  const place = makePlace();
  const { sink, outage } = await downSink(t);
  mkdirSync(place.state);
  const unmount = mountAt(place.state, "-t", "tmpfs", "-o", "size=2m", "tmpfs");
  const agent = await startedAgent(t, { place, port: sink.port, env: NARROW });
  t.after(unmount);
  const filler = join(place.state, "filler");
  writeFileSync(filler, Buffer.alloc(1_400_000));
  const log = join(place.logs, "a.log");
  const lines = numbered("a", 10_000).map((line) => line + randomBytes(50).toString("hex"));
  const size = write(log, lines);
  await eventually(() => openFiles(agent.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  const { code } = await agent.logged(({ event }) => event === "spool_unwritable", "spool_unwritable");
  assert.equal(code, "ENOSPC");
  assert.deepEqual(openFiles(agent.pid, place.logs), [`${log} (deleted)`]);
  assert.deepEqual(spooled(place), []);
  unlinkSync(filler);
  await copied(agent, log, size);
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  outage.down = false;
  const next = await startedAgent(t, { place, port: sink.port, env: NARROW });
  await arrivesOnce(sink, log, lines);
  assert.equal(await next.stop(), 0);
});

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
