import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type AgentProcess, makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { eventually, openFiles } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

const TIMEOUT_MS = 1000;
const ENV = { LOGDNA_MULTILINE: "java,python,go,node,ruby", LOGDNA_MULTILINE_TIMEOUT: String(TIMEOUT_MS) };

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly log: string;
  start(env?: Readonly<Record<string, string>>): Promise<AgentProcess>;
}

async function bench(t: TestContext): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const start = (env = {}): Promise<AgentProcess> =>
    startedAgent(t, { place, port: sink.port, env: { ...ENV, ...env } });
  return { place, sink, log: join(place.logs, "a.log"), start };
}

/** Resolves once exactly these texts have arrived, in their order. */
async function arrives(sink: Sink, ...texts: string[]): Promise<void> {
  await sink.until(() => sink.texts().length >= texts.length, JSON.stringify(texts));
  assert.deepEqual(sink.texts(), texts);
}

/** A trace of Java, with a number in every line. */
function trace(n: number, frames = 3): string {
  const lines = Array.from({ length: frames }, (_, frame) => `\tat com.acme.T${n}.f${frame}(T.java:${frame})`);
  return [`java.lang.IllegalStateException: number ${n}`, ...lines].join("\n");
}

async function accounted(agent: AgentProcess): Promise<void> {
  assert.equal(await agent.stop(), 0);
  const c = await agent.logged(({ event }) => event === "agent_counters");
  const known = ["bytes_shipped", "bytes_empty", "bytes_excluded", "bytes_dropped", "bytes_given_back"];
  assert.equal(
    known.reduce((sum, name) => sum + Number(c[name] ?? 0), 0),
    c.bytes_read,
  );
}

test("traces of every language arrive as one line each, in their order among the others", async (t) => {
  const { sink, log, start } = await bench(t);
  const agent = await start();
  const python = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nValueError: näh';
  const go = "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/main.go:5 +0x86\nexit status 2";
  const node = "Error: no\n    at f (/srv/a.js:1:2) {\n  code: 'E'\n}";
  const ruby = "a.rb:3:in `load': no (ArgumentError)\n\tfrom a.rb:4:in `<main>'";
  const texts = ["begin", trace(1), "next", python, go, "  indented", node, ruby, trace(2), trace(3), "end"];
  writeFileSync(log, `${texts.join("\n")}\n`);
  await arrives(sink, ...texts);
  await accounted(agent);
});

test("an ordinary line does not wait, and the last trace of a file comes when the file has not grown for the time-out", async (t) => {
  const { sink, log, start, place } = await bench(t);
  const agent = await start();
  writeFileSync(log, "first\n");
  await arrives(sink, "first");
  const begun = performance.now();
  appendFileSync(log, "ordinary\n");
  await arrives(sink, "first", "ordinary");
  const ordinary = performance.now() - begun;
  assert.ok(ordinary < TIMEOUT_MS / 2, `${ordinary} ms`);
  const written = performance.now();
  appendFileSync(log, `${trace(1)}\n`);
  await arrives(sink, "first", "ordinary", trace(1));
  const waited = performance.now() - written;
  t.diagnostic(`an ordinary line after ${ordinary.toFixed(0)} ms, the last trace after ${waited.toFixed(0)} ms`);
  assert.ok(waited >= TIMEOUT_MS && waited < TIMEOUT_MS + 1000, `${waited} ms`);
  await eventually(() => openFiles(agent.pid, place.logs).length === 0, "the log closed");
});

test("nothing is polled once the last trace was read, also with a time-out that is longer than a file stays open", async (t) => {
  const { sink, log, start, place } = await bench(t);
  const agent = await start({ LOGDNA_MULTILINE_TIMEOUT: "4000", LOGDNA_LOG_LEVEL: "info" });
  writeFileSync(log, `${trace(1)}\n`);
  await arrives(sink, trace(1));
  await eventually(() => openFiles(agent.pid, place.logs).length === 0, "the log closed");
  /** CPU time of the agent in ticks of 10 ms (proc(5)). */
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${agent.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  let used = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && used > 2; attempt += 1) {
    const before = ticks();
    const until = performance.now() + 1500;
    await eventually(() => performance.now() > until, "a quiet time");
    used = ticks() - before;
  }
  assert.ok(used <= 2, `${used * 10} ms of CPU in 1,500 ms`);
});

test("a trace whose lines come one by one is one line, and one with a long pause is two", async (t) => {
  const { sink, log, start } = await bench(t);
  await start();
  for (const line of trace(1, 40).split("\n")) {
    appendFileSync(log, `${line}\n`);
    // The writer is what is slow.
    await delay(10);
  }
  appendFileSync(log, "next\n");
  await arrives(sink, trace(1, 40), "next");
  const lines = trace(2, 6).split("\n");
  const [first, second] = [lines.slice(0, 3).join("\n"), lines.slice(3).join("\n")];
  appendFileSync(log, `${first}\n`);
  await arrives(sink, trace(1, 40), "next", first);
  appendFileSync(log, `${second}\nend\n`);
  await arrives(sink, trace(1, 40), "next", first, second, "end");
});

test("a trace within which the agent is stopped, or killed, arrives as one line", async (t) => {
  const { sink, log, start } = await bench(t);
  const env = { LOGDNA_MULTILINE_TIMEOUT: "5000" };
  const expected = ["begin"];
  writeFileSync(log, "begin\n");
  for (const [n, signal] of (["SIGTERM", "SIGKILL"] as const).entries()) {
    const agent = await start(env);
    const text = trace(n, 8);
    appendFileSync(log, text.slice(0, 150));
    // The line behind shows that what is before it was seen.
    await eventually(() => openFiles(agent.pid, join(log, "..")).length === 1, "the log open");
    await agent.stop(signal);
    appendFileSync(log, `${text.slice(150)}\nbehind ${n}\n`);
    expected.push(text, `behind ${n}`);
    const next = await start(env);
    await arrives(sink, ...expected.slice(1));
    await next.stop();
  }
});

test("what was in flight at a kill -9 comes again under its id, joined as before, although the file has grown", async (t) => {
  const { sink, log, place } = await bench(t);
  const env = { ...ENV, LOGDNA_INGEST_BUFFER_SIZE: "65536", LOGDNA_MAX_IN_FLIGHT: "4", LOGDNA_LOOKBACK: "start" };
  let isDown = true;
  sink.behave((_, response) => {
    if (isDown) response.writeHead(503).end();
    return isDown;
  });
  const texts = Array.from({ length: 2000 }, (_, n) => (n % 3 === 0 ? trace(n, n % 40) : `ordinary ${n}`));
  const half = `java.io.IOException: cut off\n\tat a.B.c(B.java:1)\n`;
  writeFileSync(log, `${texts.join("\n")}\n${half}`);
  const agent = startAgent(t, { place, port: sink.port, env: { ...env, LOGDNA_MULTILINE_TIMEOUT: "100" } });
  await sink.until(() => sink.requests.length >= 8, "attempts");
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  const before = new Map(sink.requests.map(({ batchId, lines }) => [batchId, lines.map(({ line }) => line)]));
  appendFileSync(log, "\tat a.B.d(B.java:2)\nend\n");
  isDown = false;
  const next = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("end"), "the last line");
  let again = 0;
  for (const { batchId, lines } of sink.accepted) {
    const known = before.get(batchId);
    if (known === undefined) continue;
    again += 1;
    assert.deepEqual(
      lines.map(({ line }) => line),
      known,
    );
  }
  assert.ok(again > 0, "none came again");
  assert.deepEqual(sink.texts(), [...texts, `${half}\tat a.B.d(B.java:2)`, "end"]);
  await accounted(next);
});

test("kills at random moments while traces are written lose nothing, join nothing else and cut nothing", async (t) => {
  const { sink, log, place } = await bench(t);
  sink.behave(async () => {
    await delay(randomInt(0, 30));
    return false;
  });
  const env = {
    ...ENV,
    LOGDNA_INGEST_BUFFER_SIZE: "32768",
    LOGDNA_LINE_MAX_PART: "4096",
    LOGDNA_MAX_IN_FLIGHT: "4",
    LOGDNA_LOOKBACK: "start",
    // Longer than a restart takes on a busy machine.
    LOGDNA_MULTILINE_TIMEOUT: "10000",
  };
  const texts: string[] = [];
  let isWriting = true;
  const writer = (async () => {
    while (isWriting) {
      const text = texts.length % 2 === 0 ? trace(texts.length, randomInt(1, 30)) : `ordinary ${texts.length}`;
      texts.push(text);
      for (let rest = `${text}\n`; rest !== ""; ) {
        const size = randomInt(1, 400);
        appendFileSync(log, rest.slice(0, size));
        rest = rest.slice(size);
        await delay(randomInt(0, 3));
      }
    }
  })();
  for (let n = 0; n < 5; n += 1) {
    const agent = startAgent(t, { place, port: sink.port, env });
    const before = sink.accepted.length;
    await sink.until(() => sink.accepted.length > before, "a batch of this run");
    await delay(randomInt(0, 300));
    assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  }
  isWriting = false;
  await writer;
  appendFileSync(log, "end\n");
  const last = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("end"), "the last line");
  assert.deepEqual(sink.texts(), [...texts, "end"]);
  const byId = new Map<string, string>();
  for (const { batchId, lines } of sink.requests) {
    const text = JSON.stringify(lines.map(({ line }) => line));
    assert.equal(byId.get(batchId) ?? text, text, "other lines under a known id");
    byId.set(batchId, text);
  }
  await accounted(last);
});

test("a trace that is written over a rotation is joined as far as one file holds it", async (t) => {
  const { sink, log, start } = await bench(t);
  const agent = await start();
  const lines = trace(1, 6).split("\n");
  const part = (from: number, to: number): string => lines.slice(from, to).join("\n");
  writeFileSync(log, `begin\n${part(0, 2)}\n`);
  await sink.until(() => sink.texts().includes("begin"), "the first line");
  renameSync(log, `${log}.1`);
  // The writer has the old file open for a moment.
  appendFileSync(`${log}.1`, `${part(2, 4)}\n`);
  writeFileSync(log, `${part(4, 7)}\nnext\n`);
  await sink.until(() => sink.texts().length >= 4, "all");
  assert.deepEqual(sink.texts().toSorted(), ["begin", part(0, 4), part(4, 7), "next"].toSorted());
  await accounted(agent);
});

test("a trace that waits while its file is copied and truncated is read from the copy", async (t) => {
  const { sink, log, start } = await bench(t);
  const agent = await start({ LOGDNA_MULTILINE_TIMEOUT: "3000" });
  writeFileSync(log, `begin\n${trace(1)}\n`);
  await sink.until(() => sink.texts().includes("begin"), "the first line");
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
  appendFileSync(log, "next\n");
  await sink.until(() => sink.texts().length >= 3, "all");
  assert.deepEqual(sink.texts().toSorted(), ["begin", trace(1), "next"].toSorted());
  await accounted(agent);
});

test("traces of a deleted file that waits on disk are joined as those of any other", async (t) => {
  const { sink, log, start, place } = await bench(t);
  // Segments of 64 KiB: traces go over their ends.
  const env = {
    LOGDNA_MAX_IN_FLIGHT: "1",
    LOGDNA_INGEST_BUFFER_SIZE: "300000",
    LOGDNA_SHUTDOWN_TIMEOUT: "500",
    LOGDNA_RETRY_DISK_LIMIT: "300K",
  };
  let isDown = true;
  sink.behave((_, response) => {
    if (isDown) response.writeHead(503).end();
    return isDown;
  });
  const texts = Array.from({ length: 2000 }, (_, n) => (n % 2 === 0 ? trace(n, n % 50) : `ordinary ${n}`));
  const first = await start(env);
  writeFileSync(log, `${texts.join("\n")}\n${trace(2000)}`);
  await eventually(() => openFiles(first.pid, place.logs).includes(log), "the file read");
  unlinkSync(log);
  const size = texts.join("\n").length + 1 + trace(2000).length;
  await first.logged((line) => line.event === "segment_written" && line.end === size, "all of it copied");
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  isDown = false;
  const second = await start(env);
  await arrives(sink, ...texts, trace(2000));
  await accounted(second);
});

test("a trace of 10,000 lines comes as several lines, one after the other, with nothing missing", async (t) => {
  const { sink, log, start } = await bench(t);
  const agent = await start({ LOGDNA_MULTILINE_MAX_LINES: "700" });
  writeFileSync(log, `begin\n${trace(1, 9999)}\nend\n`);
  await sink.until(() => sink.texts().includes("end"), "the last line");
  const texts = sink.texts();
  assert.equal(texts.join("\n"), `begin\n${trace(1, 9999)}\nend`);
  const lines = texts.map((text) => text.split("\n").length);
  assert.ok(Math.max(...lines) <= 700);
  assert.ok(Math.max(...texts.map((text) => text.length)) < 32 * 1024);
  assert.ok(texts.length <= 2 + Math.ceil(10_000 / 500), `${texts.length} lines`);
  await accounted(agent);
});

test("patterns of the operator join what they say", async (t) => {
  const { sink, log, start } = await bench(t);
  const agent = await start({
    LOGDNA_MULTILINE: "",
    LOGDNA_MULTILINE_START: "^\\d{4}-",
    LOGDNA_MULTILINE_TIMEOUT: "300",
  });
  writeFileSync(log, "2026-01-01 SELECT *\n  FROM t\n\nWHERE x\n2026-01-02 next\n2026-01-03 last\n\tline\n");
  await arrives(sink, "2026-01-01 SELECT *\n  FROM t\n\nWHERE x", "2026-01-02 next", "2026-01-03 last\n\tline");
  await accounted(agent);
});
