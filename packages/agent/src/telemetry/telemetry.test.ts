import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../config/mod.ts";
import type { AgentEvent } from "./events.ts";
import { LOG_LEVELS } from "./level.ts";
import { createTelemetry, type LogStream, type Telemetry, type TelemetryOptions } from "./telemetry.ts";

/** A log in memory, with clocks that are set by hand. */
function log(options: Partial<TelemetryOptions> = {}): {
  telemetry: Telemetry;
  lines: string[];
  time: { now: number };
} {
  const lines: string[] = [];
  const time = { now: 0 };
  const stream: LogStream = { write: (text) => lines.push(text) };
  const telemetry = createTelemetry({
    level: "info",
    stream,
    isTty: false,
    wallClock: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    clock: () => time.now,
    ...options,
  });
  return { telemetry, lines, time };
}

const unreadable = (path: string): AgentEvent => ({ name: "file_unreadable", path, code: "EACCES", attempt: "open" });

test("for machines an event is one JSON object on a line, with its fields", () => {
  const { telemetry, lines } = log();
  telemetry.emit({ name: "root_missing", path: "/srv/app" });
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith("}\n"));
  assert.deepEqual(JSON.parse(lines[0] ?? ""), {
    time: "2026-01-02T03:04:05.006Z",
    level: "warn",
    event: "root_missing",
    message: "The log directory /srv/app does not exist; it is followed as soon as it appears.",
    path: "/srv/app",
  });
});

test("for people it is a coloured sentence", () => {
  const { telemetry, lines } = log({ isTty: true });
  telemetry.emit({ name: "root_missing", path: "/srv/app" });
  assert.match(
    lines[0] ?? "",
    /^\u001b\[90m\d\d:\d\d:05\.006\u001b\[0m \u001b\[33mwarn \u001b\[0m The log directory \/srv\/app .*\.\n$/,
  );
});

test("a file name cannot act on the terminal, add a line, or hide itself", () => {
  const path = "/var/log/\u001b[2J\u0007\r\nerror all is well\u009b\u202e\u2028\ud800.log";
  for (const isTty of [true, false]) {
    const { telemetry, lines } = log({ isTty });
    telemetry.emit({ name: "root_missing", path });
    const text = (lines[0] ?? "").replaceAll(/\u001b\[(0|33|90)m/g, "");
    assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e\u2028]/);
    assert.ok(text.isWellFormed());
    if (!isTty) assert.equal((JSON.parse(text) as { path: string }).path, path);
  }
});

test("what lies below the level is counted but not written", () => {
  const { telemetry, lines } = log();
  telemetry.emit({ name: "chunk_read", bytes: 100 });
  telemetry.emit({ name: "file_found", path: "/a", offset: 0, size: 1 });
  assert.equal(lines.length, 0);
  assert.equal(telemetry.snapshot().counters.bytes_read, 100);
  assert.equal(telemetry.snapshot().counters.files_found, 1);
  telemetry.setLevel("trace");
  telemetry.emit({ name: "chunk_read", bytes: 1 });
  assert.equal(lines.length, 1);
});

test("each level writes itself and what is graver", () => {
  const events: readonly AgentEvent[] = [
    { name: "chunk_read", bytes: 1 },
    { name: "file_found", path: "/a", offset: 0, size: 1 },
    { name: "root_appeared", path: "/a" },
    { name: "root_missing", path: "/a" },
    { name: "start_failed", reason: "x" },
  ];
  for (const [at, level] of LOG_LEVELS.entries()) {
    const { telemetry, lines } = log({ level });
    for (const event of events) telemetry.emit(event);
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { level: string }).level),
      LOG_LEVELS.slice(at),
    );
  }
});

test("repeats are written a few times, then counted, then summed up once a minute", () => {
  const { telemetry, lines, time } = log();
  for (let at = 0; at < 100; at++) telemetry.emit(unreadable("/a"));
  telemetry.emit(unreadable("/b"));
  assert.equal(lines.length, 6);
  time.now = 60_000;
  telemetry.emit(unreadable("/a"));
  assert.equal(lines.length, 8);
  const summary = JSON.parse(lines[6] ?? "") as { event: string; of: string; count: number };
  assert.deepEqual([summary.event, summary.of, summary.count], ["repeats_suppressed", "file_unreadable", 95]);
  assert.equal(telemetry.snapshot().counters.files_refused, 102);
});

test("the same thing happening to very many files is told of a few of them", () => {
  const { telemetry, lines } = log();
  for (let at = 0; at < 10_000; at++) telemetry.emit(unreadable(`/f${at}`));
  assert.equal(lines.length, 50);
  telemetry.flush();
  assert.equal((JSON.parse(lines[50] ?? "") as { count: number }).count, 9950);
  telemetry.flush();
  assert.equal(lines.length, 51);
});

test("a held-back summary does not keep the process from ending, and is written without a further event", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { telemetry, lines, time } = log();
  for (let at = 0; at < 7; at++) telemetry.emit(unreadable("/a"));
  assert.equal(lines.length, 5);
  time.now = 60_000;
  context.mock.timers.tick(60_000);
  assert.equal(lines.length, 6);
});

test("a secret is written by none of its ways", () => {
  for (const isTty of [true, false]) {
    const { telemetry, lines } = log({ isTty });
    telemetry.conceal("k3y-of-the-account");
    telemetry.emit({
      name: "key_rejected",
      detail: "403 no account for k3y-of-the-account",
      retryInMs: 10,
      isKeySent: true,
    });
    telemetry.emit({ name: "config_warning", detail: `${new Secret("0ther")}` });
    assert.doesNotMatch(lines.join(""), /k3y-of|0ther/);
    assert.match(lines[0] ?? "", /no account for \*\*\*/);
  }
});

test("a secret with characters that JSON escapes is written by neither way, in the sentence or in a field", () => {
  const secret = 'Zq"7\\secretpart';
  for (const isTty of [true, false]) {
    const { telemetry, lines } = log({ isTty });
    telemetry.conceal(secret);
    telemetry.emit({ name: "key_rejected", detail: `403 no account for ${secret}`, retryInMs: 10, isKeySent: true });
    telemetry.emit({ name: "config_reload_failed", errors: [`${secret} is wrong`] });
    assert.doesNotMatch(lines.join(""), /secretpart/);
    assert.doesNotMatch(telemetry.lastProblem()?.text ?? "", /secretpart/);
    if (!isTty) for (const line of lines) JSON.parse(line);
  }
});

test("gauges and counters of warnings and errors are in the snapshot, which is a copy", () => {
  const { telemetry } = log();
  const before = telemetry.snapshot();
  telemetry.gauge("files_open", 3);
  telemetry.emit({ name: "queue_overflow" });
  telemetry.emit({ name: "start_failed", reason: "x" });
  const { counters, gauges } = telemetry.snapshot();
  assert.deepEqual([gauges.files_open, counters.warnings, counters.errors, counters.watch_overflows], [3, 1, 1, 1]);
  assert.equal(before.counters.warnings, 0);
});

test("a log that cannot be written stops nothing", async () => {
  const { Writable } = await import("node:stream");
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  const failed = Promise.withResolvers<void>();
  stream.once("error", () => failed.resolve());
  const telemetry = createTelemetry({ level: "info", stream, isTty: false });
  telemetry.emit({ name: "queue_overflow" });
  await failed.promise;
  telemetry.emit({ name: "queue_overflow" });
  assert.equal(telemetry.snapshot().counters.watch_overflows, 2);
});
