import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentOptions, type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  /** Path of a log in the place. */
  log(name: string): string;
}

/** A place, a sink and an agent that ships the one to the other; `before` fills the place. */
async function bench(
  t: TestContext,
  options: Partial<AgentOptions> = {},
  before: (place: Place) => void = () => undefined,
): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  before(place);
  const agent = await startedAgent(t, { place, port: sink.port, ...options });
  return { place, sink, agent, log: (name) => join(place.logs, name) };
}

/** Resolves once exactly these texts have arrived, in any order of files but each file's own order. */
async function arrives(sink: Sink, ...texts: string[]): Promise<void> {
  await sink.until(() => sink.texts().length >= texts.length, `${texts.length} lines: ${texts}`);
  assert.deepEqual(sink.texts().toSorted(), texts.toSorted());
}

test("a new file is read from its start, and what is appended follows", async (t) => {
  const { sink, log } = await bench(t);
  writeFileSync(log("a.log"), "one\ntwo\n");
  await arrives(sink, "one", "two");
  appendFileSync(log("a.log"), "three\n");
  await arrives(sink, "one", "two", "three");
  assert.deepEqual([...new Set(sink.lines().map(({ file }) => file))], [log("a.log")]);
  assert.ok(sink.accepted.every(({ url }) => url.searchParams.get("hostname") === "test-host"));
});

test("nested directories that appear, and one that is moved in, are followed", async (t) => {
  const { sink, log, place } = await bench(t);
  mkdirSync(log("a/b/c"), { recursive: true });
  writeFileSync(log("a/b/c/deep.log"), "deep\n");
  const outside = join(place.root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "moved.log"), "moved\n");
  writeFileSync(log("first.log"), "first\n");
  await arrives(sink, "deep", "first");
  renameSync(outside, log("inside"));
  await arrives(sink, "deep", "first", "moved");
  appendFileSync(log("inside/moved.log"), "more\n");
  await arrives(sink, "deep", "first", "moved", "more");
});

test("a file that is renamed away is drained, and the new one under its name is followed", async (t) => {
  const { sink, log } = await bench(t);
  writeFileSync(log("a.log"), "one\n");
  await arrives(sink, "one");
  renameSync(log("a.log"), log("a.log.1"));
  appendFileSync(log("a.log.1"), "late\n");
  writeFileSync(log("a.log"), "two\n");
  await arrives(sink, "one", "late", "two");
  renameSync(log("a.log.1"), log("a.log-20260102"));
  appendFileSync(log("a.log-20260102"), "later\n");
  await arrives(sink, "one", "late", "two", "later");
  assert.deepEqual([...new Set(sink.lines().map(({ file }) => file))], [log("a.log")]);
});

test("copy and truncate: nothing is missed or repeated, also when nothing could be delivered meanwhile", async (t) => {
  const { sink, log, agent } = await bench(t);
  writeFileSync(log("a.log"), "one\n");
  await arrives(sink, "one");
  let down = true;
  sink.behave((_, response) => {
    if (!down) return false;
    response.writeHead(503).end();
    return true;
  });
  for (let n = 0; n < 20_000; n += 1) appendFileSync(log("a.log"), `${n} ${"x".repeat(600)}\n`);
  await agent.logged(({ event }) => event === "delivery_failed");
  copyFileSync(log("a.log"), log("a.log.1"));
  truncateSync(log("a.log"));
  await agent.logged(({ event }) => event === "file_truncated");
  unlinkSync(log("a.log.1"));
  appendFileSync(log("a.log"), "after\n");
  down = false;
  await sink.until(() => sink.texts().length >= 20_002, "20,002 lines");
  const texts = sink.texts();
  assert.deepEqual(
    texts.filter((text) => /^\d/.test(text)).map((text) => Number(text.split(" ")[0])),
    Array.from({ length: 20_000 }, (_, n) => n),
  );
  assert.equal(texts.length, 20_002);
});

test("copies are not shipped under their own names although the rules include them", async (t) => {
  const { sink, log } = await bench(t, { env: { LOGDNA_INCLUSION_RULES: "*" } });
  writeFileSync(log("a.log"), "one\n");
  await arrives(sink, "one");
  copyFileSync(log("a.log"), log("a.log.1"));
  truncateSync(log("a.log"));
  appendFileSync(log("a.log"), "two\n");
  await arrives(sink, "one", "two");
  writeFileSync(log("b.log"), "other\n");
  await arrives(sink, "one", "two", "other");
});

test("a file that is truncated and written anew, shorter, equal or longer, is read from its start", async (t) => {
  const { sink, log } = await bench(t);
  writeFileSync(log("a.log"), "first\n");
  await arrives(sink, "first");
  writeFileSync(log("a.log"), "secon\n");
  await arrives(sink, "first", "secon");
  writeFileSync(log("a.log"), "s\n");
  await arrives(sink, "first", "secon", "s");
  writeFileSync(log("a.log"), "much longer than before\n");
  await arrives(sink, "first", "secon", "s", "much longer than before");
});

test("a file that is deleted while it could not be delivered is not lost", async (t) => {
  const { sink, log, agent } = await bench(t);
  let down = true;
  sink.behave((_, response) => {
    if (!down) return false;
    response.writeHead(503).end();
    return true;
  });
  const lines = Array.from({ length: 50_000 }, (_, n) => `${n} ${"y".repeat(400)}`);
  writeFileSync(log("a.log"), `${lines.join("\n")}\nlast without newline`);
  await agent.logged(({ event }) => event === "delivery_failed");
  unlinkSync(log("a.log"));
  down = false;
  await sink.until(() => sink.texts().length >= 50_001, "50,001 lines");
  assert.deepEqual(sink.texts(), [...lines, "last without newline"]);
});

test("a deleted file with another in its place, again and again: no line of either is confused", async (t) => {
  const { sink, log } = await bench(t);
  const expected: string[] = [];
  for (let n = 0; n < 30; n += 1) {
    writeFileSync(log("a.log"), `generation ${n}\n`);
    expected.push(`generation ${n}`);
    await arrives(sink, ...expected);
    unlinkSync(log("a.log"));
  }
});

test("a file with several hard links, and a link to a file inside, ship once", async (t) => {
  const { sink, log } = await bench(t, {}, (place) => {
    mkdirSync(join(place.logs, "real"));
    writeFileSync(join(place.logs, "real/target.txt"), "");
    writeFileSync(join(place.logs, "a.log"), "");
    linkSync(join(place.logs, "a.log"), join(place.logs, "b.log"));
    symlinkSync(join(place.logs, "real/target.txt"), join(place.logs, "link.log"));
    symlinkSync(join(place.logs, "a.log"), join(place.logs, "again.log"));
  });
  appendFileSync(log("b.log"), "linked\n");
  appendFileSync(log("real/target.txt"), "behind a link\n");
  await arrives(sink, "linked", "behind a link");
  appendFileSync(log("a.log"), "done\n");
  await arrives(sink, "linked", "behind a link", "done");
  assert.equal(sink.lines().find(({ line }) => line === "behind a link")?.file, log("link.log"));
});

test("a line without its newline waits until it ends, or until its file is rotated or deleted", async (t) => {
  const { sink, log } = await bench(t);
  writeFileSync(log("a.log"), "begun");
  writeFileSync(log("b.log"), "whole\n");
  await arrives(sink, "whole");
  appendFileSync(log("a.log"), " and ended\nnext");
  await arrives(sink, "whole", "begun and ended");
  renameSync(log("a.log"), log("a.log.1"));
  await arrives(sink, "whole", "begun and ended", "next");
  writeFileSync(log("c.log"), "unfinished");
  writeFileSync(log("b.log"), "more\n");
  await arrives(sink, "whole", "begun and ended", "next", "more");
  unlinkSync(log("c.log"));
  await arrives(sink, "whole", "begun and ended", "next", "more", "unfinished");
});

test("line ends, empty lines, NUL and invalid UTF-8 arrive as text", async (t) => {
  const { sink, log } = await bench(t);
  const bytes = Buffer.concat([
    Buffer.from('crlf\r\n\n\r\nlone\rcr\nnul\0here\nquote ",\n,\n'),
    Buffer.from([0xff, 0xc3, 0x28, 10]),
    Buffer.from("é ü 日本 🚀\n"),
  ]);
  writeFileSync(log("a.log"), bytes);
  await arrives(sink, "crlf", "lone\rcr", "nul\0here", 'quote ",', ",", "\ufffd\ufffd(", "é ü 日本 🚀");
});

test("long lines come in marked parts, and what is beyond the limit is counted", async (t) => {
  const { sink, log, agent } = await bench(t, { env: { LOGDNA_LINE_MAX_PART: "1000", LOGDNA_LINE_MAX: "2500" } });
  writeFileSync(log("a.log"), `short\n${"a".repeat(2200)}\n${"b".repeat(4000)}\nend\n`);
  await sink.until(() => sink.texts().includes("end"));
  const shown = sink.lines().map(({ line, meta }) => [line.length > 99 ? line.length : line, meta ?? null]);
  assert.deepEqual(shown, [
    ["short", null],
    [1000, { line_part: 1, line_offset: 6, line_end: false }],
    [1000, { line_part: 2, line_offset: 6, line_end: false }],
    [200, { line_part: 3, line_offset: 6, line_end: true }],
    [1000, { line_part: 1, line_offset: 2207, line_end: false }],
    [1000, { line_part: 2, line_offset: 2207, line_end: false }],
    [500, { line_part: 3, line_offset: 2207, line_end: false }],
    [
      "[1500 more bytes of this line were dropped]",
      { line_part: 4, line_offset: 2207, line_end: true, line_dropped_bytes: 1500 },
    ],
    ["end", null],
  ]);
  await agent.stop();
  const counters = await agent.logged(({ event }) => event === "agent_counters");
  assert.equal(counters.bytes_read, statSync(log("a.log")).size);
  assert.equal(counters.bytes_dropped, 1501);
  assert.equal(Number(counters.bytes_shipped) + Number(counters.bytes_dropped), counters.bytes_read);
});

test("no body is larger than the buffer, and bodies are compressed", async (t) => {
  const { sink, log } = await bench(t, { env: { LOGDNA_INGEST_BUFFER_SIZE: "65536" } });
  const lines = Array.from({ length: 20_000 }, (_, n) => `${n} "${"\\".repeat(n % 50)}"`);
  writeFileSync(log("a.log"), `${lines.join("\n")}\n`);
  await sink.until(() => sink.texts().length >= lines.length, "20,000 lines");
  assert.deepEqual(sink.texts(), lines);
  assert.ok(sink.accepted.every(({ size }) => size <= 65_536));
  assert.ok(sink.accepted.some(({ headers }) => headers["content-encoding"] === "gzip"));
});

test("a restart neither skips nor repeats, also across a rotation and a truncation while the agent is down", async (t) => {
  const { sink, log, agent, place } = await bench(t);
  writeFileSync(log("a.log"), "one\n");
  writeFileSync(log("b.log"), "first\n");
  await arrives(sink, "one", "first");
  assert.equal(await agent.stop(), 0);
  appendFileSync(log("a.log"), "two\n");
  renameSync(log("a.log"), log("a.log.1"));
  writeFileSync(log("a.log"), "three\n");
  appendFileSync(log("b.log"), "second\n");
  copyFileSync(log("b.log"), log("b.log.1"));
  writeFileSync(log("b.log"), "third\n");
  writeFileSync(log("new.log"), "new\n");
  const again = await startedAgent(t, { place, port: sink.port });
  await arrives(sink, "one", "first", "two", "three", "second", "third", "new");
  appendFileSync(log("a.log"), "four\n");
  await arrives(sink, "one", "first", "two", "three", "second", "third", "new", "four");
  assert.equal(await again.stop(), 0);
});

for (const [lookback, expected] of [
  [undefined, ["known later", "between", "now"]],
  ["none", ["now"]],
  ["smallfiles", ["known later", "old small", "between", "now"]],
  ["start", ["known later", "old small", `old ${"x".repeat(9000)}`, "between", "now"]],
  ["tail", ["known later", "now"]],
] as const) {
  test(`lookback ${lookback ?? "not set"}: which lines of files that are there at the start are read`, async (t) => {
    const follow = (place: Place, ...glob: string[]): void =>
      writeFileSync(
        join(place.root, "config.yaml"),
        JSON.stringify({ log: { dirs: [place.logs], include: { glob } } }),
      );
    const { sink, log, agent, place } = await bench(t, {}, (empty) => follow(empty, "*.txt"));
    writeFileSync(log("small.log"), "old small\n");
    writeFileSync(log("large.log"), `old ${"x".repeat(9000)}\n`);
    writeFileSync(log("known.txt"), "known\n");
    await sink.until(() => sink.texts().includes("known"));
    assert.equal(await agent.stop(), 0);
    appendFileSync(log("known.txt"), "known later\n");
    writeFileSync(log("between.txt"), "between\n");
    // The first run followed *.txt alone: unknown are the files that it could have seen and did not follow.
    follow(place, "*.txt", "*.log");
    const before = sink.texts().length;
    await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: lookback } });
    appendFileSync(log("known.txt"), "now\n");
    const arrived = (): string[] => sink.texts().slice(before);
    await sink.until(() => arrived().includes("now") && arrived().length >= expected.length);
    assert.deepEqual(arrived().toSorted(), [...expected].toSorted());
  });
}

test("while the server is away reading stops, and everything arrives in order afterwards", async (t) => {
  const { sink, log, agent } = await bench(t);
  let down = true;
  sink.behave((_, response) => {
    if (!down) return false;
    response.writeHead(500).end();
    return true;
  });
  const line = "z".repeat(990);
  const count = 60_000;
  let block = "";
  for (let n = 0; n < count; n += 1) block += `${n} ${line}\n`;
  writeFileSync(log("a.log"), block);
  await agent.logged(({ event }) => event === "delivery_failed");
  await sink.until(() => sink.requests.length >= 4, "four attempts");
  down = false;
  await sink.until(() => sink.texts().length >= count, `${count} lines`, 60_000);
  assert.ok(sink.texts().every((text, n) => text.startsWith(`${n} `)));
  assert.equal(sink.texts().length, count);
});

test("SIGHUP takes up another configuration, and keeps the old one when the new one is broken", async (t) => {
  const { sink, log, agent, place } = await bench(t);
  const other = join(place.root, "other");
  mkdirSync(other);
  writeFileSync(join(place.root, "config.yaml"), `log:\n  dirs: [${JSON.stringify(other)}]\n`);
  agent.child.kill("SIGHUP");
  // A confined agent is started anew for a directory that it has no right to read.
  await agent.logged(
    ({ event, logDirs }) => event === "config_reloaded" || (event === "agent_started" && String(logDirs) === other),
  );
  writeFileSync(join(other, "x.log"), "from the other\n");
  await arrives(sink, "from the other");
  writeFileSync(join(place.root, "config.yaml"), "log:\n  dirs: 7\n  nonsense: true\n");
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reload_failed");
  appendFileSync(join(other, "x.log"), "still\n");
  await arrives(sink, "from the other", "still");
  assert.ok(!existsSync(log("a.log")));
});
