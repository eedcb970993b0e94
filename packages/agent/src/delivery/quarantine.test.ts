import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AgentEvent } from "../telemetry/events.ts";
import { Quarantine, type QuarantineOptions, type RefusedLine } from "./quarantine.ts";

interface Bench {
  readonly quarantine: Quarantine;
  readonly path: string;
  readonly events: AgentEvent[];
  /** Texts that are kept now, oldest first. */
  texts(): string[];
}

function bench(t: TestContext, options: Partial<QuarantineOptions> = {}): Bench {
  const directory = mkdtempSync(join(tmpdir(), "quarantine-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "quarantine.jsonl");
  const events: AgentEvent[] = [];
  const emit = (event: AgentEvent): void => void events.push(event);
  return {
    quarantine: new Quarantine({ directory, emit, conceal: (text) => text, ...options }),
    path,
    events,
    texts: () =>
      [`${path}.1`, path]
        .filter(existsSync)
        .flatMap((file) => readFileSync(file, "utf8").trimEnd().split("\n"))
        .map((line) => (JSON.parse(line) as { line: string }).line),
  };
}

function refused(text: string): RefusedLine {
  return { line: { line: text, file: "/x.log" }, bytes: text.length + 1, status: 400, reason: "no", batch: "id" };
}

test("the two files stay within their bounds; the oldest lines go, and are counted", (t) => {
  const { quarantine, path, events, texts } = bench(t, { maxFile: 1000 });
  const all: string[] = [];
  for (let n = 0; n < 40; n += 1) {
    const more = Array.from({ length: 1 + (n % 3) }, (_, line) => `line ${n}.${line}`);
    all.push(...more);
    quarantine.add(more.map(refused));
    for (const file of [path, `${path}.1`]) assert.ok(!existsSync(file) || statSync(file).size <= 1000);
  }
  const kept = texts();
  assert.deepEqual(kept, all.slice(-kept.length));
  assert.ok(kept.length >= 7, `${kept.length} kept`);
  const removed = events.reduce((sum, event) => sum + (event.name === "quarantine_full" ? event.lines : 0), 0);
  const added = events.reduce((sum, event) => sum + (event.name === "lines_quarantined" ? event.lines : 0), 0);
  assert.equal(added, all.length);
  assert.equal(removed, all.length - kept.length);
});

test("more lines at once than a file holds fill both files", (t) => {
  const { quarantine, path, texts } = bench(t, { maxFile: 1000 });
  const all = Array.from({ length: 50 }, (_, n) => `line ${n}`);
  quarantine.add(all.map(refused));
  assert.ok(statSync(path).size <= 1000 && statSync(`${path}.1`).size <= 1000);
  const kept = texts();
  assert.deepEqual(kept, all.slice(-kept.length));
});

test("of a very long line the beginning is kept, with its length; ten megabytes are never exceeded", (t) => {
  const { quarantine, path } = bench(t);
  // In JSON each of these bytes takes six.
  const text = "\u0001".repeat(2 * 1024 * 1024);
  for (let n = 0; n < 4; n += 1) quarantine.add([refused(text)]);
  assert.ok(statSync(path).size + statSync(`${path}.1`).size <= 10 * 1024 * 1024);
  const record = JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? "") as Record<string, unknown>;
  assert.equal(record.line_bytes, text.length);
  assert.equal(record.line, text.slice(0, 512 * 1024));
});

test("what must not be written is not", (t) => {
  const { quarantine, path } = bench(t, { conceal: (text) => text.replaceAll("secret", "***") });
  quarantine.add([{ ...refused("a secret line"), reason: "no secret" }]);
  assert.doesNotMatch(readFileSync(path, "utf8"), /secret/);
});

test("a key with characters that JSON escapes is not written, and nothing else is changed", (t) => {
  const key = 'Zq"7\\secretpart';
  const { quarantine, path } = bench(t, { conceal: (text) => text.replaceAll(key, "***").replaceAll("1", "***") });
  const meta = { retried: 1, of: key };
  quarantine.add([{ ...refused(`no account for ${key}`), line: { line: key, file: "/x.log", meta }, reason: key }]);
  const text = readFileSync(path, "utf8");
  assert.doesNotMatch(text, /secretpart/);
  const record = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(
    [record.line, record.file, record.meta, record.status, record.reason],
    ["***", "/x.log", { retried: 1, of: "***" }, 400, "***"],
  );
});

test("of a very long line no part of the key stays where it is cut", (t) => {
  const { quarantine, path } = bench(t, { conceal: (text) => text.replaceAll("secretpart", "***"), maxText: 15 });
  quarantine.add([refused("0123456789secretpart and more")]);
  assert.doesNotMatch(readFileSync(path, "utf8"), /secr/);
});

test("a link that was planted in its place is not followed", (t) => {
  const { quarantine, path, events } = bench(t);
  const elsewhere = `${path}.elsewhere`;
  writeFileSync(elsewhere, "untouched");
  symlinkSync(elsewhere, path);
  quarantine.add([refused("a line")]);
  assert.equal(readFileSync(elsewhere, "utf8"), "untouched");
  assert.deepEqual(
    events.map(({ name }) => name),
    ["quarantine_failed"],
  );
});

test("lines that cannot be written are counted", (t) => {
  const { path } = bench(t);
  const events: AgentEvent[] = [];
  const directory = join(path, "no-such-directory");
  new Quarantine({ directory, emit: (event) => void events.push(event), conceal: String }).add([
    refused("a line"),
    refused("another"),
  ]);
  const [event, ...more] = events;
  assert.deepEqual(more, []);
  assert.ok(event?.name === "quarantine_failed" && event.lines === 2);
});
