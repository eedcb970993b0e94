import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type Batch, Batcher } from "../batch/batcher.ts";
import { JsonEncoder } from "../batch/json_encoder.ts";
import type { Config } from "../config/mod.ts";
import { loadConfig } from "../config/mod.ts";
import { lineFields } from "../lines/fields/line_fields.ts";
import { multilineFor } from "../lines/multiline/mod.ts";
import { LineMatcher } from "../rules/lines/line_matcher.ts";
import { compileLineRules } from "../rules/lines/line_rules.ts";
import { createRedactor } from "../rules/redaction/mod.ts";
import { ChunkReader } from "../sources/files/chunk_reader.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../sources/files/tailed_file.ts";
import { type LogSource, openedFile, streamed } from "./log_source.ts";
import type { PreviewLine, WireLine } from "./preview_line.ts";
import { Previewer, type PreviewerOptions } from "./previewer.ts";

const PATH = "/var/log/a/b.log";
const createRules: PreviewerOptions["createRedactor"] = (presets, style) =>
  createRedactor({ presets, style, salt: Buffer.alloc(32, 7) });

/** A configuration of the properties given. */
function configOf(yaml: unknown): Config {
  const loaded = loadConfig({
    argv: ["-c", "/config.yaml"],
    env: {},
    version: "0",
    keyIsOptional: true,
    osHostname: () => "host",
    readFile: (path) => {
      if (path === "/config.yaml") return JSON.stringify(yaml);
      throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    },
  });
  return loaded.kind === "run" ? loaded.config : assert.fail(JSON.stringify(loaded));
}

/** What an agent with the configuration ships of a file that grew in these steps, by its own parts. */
async function shippedOf(config: Config, path: string, steps: readonly number[]): Promise<WireLine[]> {
  const limits = { maxPart: config.lineMaxPart, maxLine: config.lineMax };
  const rules = compileLineRules({ rules: config, createRedactor: createRules, limits, emit: () => undefined });
  const source = openedFile(path);
  let size = 0;
  const perPath = { limitsFor: rules?.limitsFor, joinerFor: multilineFor(config) };
  const reader = new ChunkReader(
    limits,
    () => 0,
    perPath,
    (file, buffer, length, position) =>
      source.readAt(file, buffer, Math.max(0, Math.min(length, size - position)), position),
  );
  const file = new TailedFile({
    ...{ dev: 0n, ino: 0n, path: PATH, head: EMPTY_HEAD, position: BEGINNING },
    onAcknowledged: () => undefined,
  });
  file.fd = source.fd;
  const batches: Batch[] = [];
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody: config.ingestBufferSize, gzipLevel: 0 }),
    nextId: () => "id",
    onBatch: (batch) => batches.push(batch),
    emit: () => undefined,
    fieldsOf: lineFields(config, { hostname: "host", environment: {} }),
  });
  const readAll = (complete: boolean): void => {
    for (;;) {
      const outcome = reader.read(file, complete);
      if (outcome.kind !== "chunk") return;
      batcher.add(rules?.apply(outcome.chunk) ?? outcome.chunk);
    }
  };
  for (const step of steps) {
    size += step;
    readAll(false);
  }
  size = Number.POSITIVE_INFINITY;
  readAll(true);
  batcher.flush();
  source.close();
  const bodies = await Promise.all(batches.map(({ body }) => body));
  return bodies.flatMap(({ bytes }) =>
    (JSON.parse(bytes.toString("utf8")) as { lines: (WireLine & { timestamp: number })[] }).lines.map(
      ({ timestamp: _, ...line }) => line,
    ),
  );
}

async function previewed(
  config: Config,
  source: (previewer: Previewer) => LogSource,
  most?: number,
): Promise<{ lines: PreviewLine[]; bytes: number }> {
  const previewer = new Previewer({ config, createRedactor: createRules });
  const opened = source(previewer);
  const lines: PreviewLine[] = [];
  let bytes = 0;
  for await (const chunk of previewer.lines(opened, PATH, most)) {
    lines.push(...chunk.lines);
    for (const count of Object.values(chunk.bytes)) bytes += count;
  }
  opened.close();
  return { lines, bytes };
}

const expressions = fc.array(fc.constantFrom("a", "^b", "\\d{2}", "é$", "at", "x+", "(?s)c.d", "^$"), { maxLength: 2 });
const some = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined, freq: 2 });
const rules = {
  line_exclusion_regex: expressions,
  line_inclusion_regex: expressions,
  line_redact_regex: expressions,
  redact: fc.subarray(["email", "ipv4", "phone"]),
  redact_as: some(fc.constantFrom("mask", "hash", "partial")),
  line_sample: some(fc.constantFrom("50%", "1")),
};
const config = fc
  .record({
    log: fc.record({
      ...rules,
      multiline: fc.subarray(["java", "python"]),
      line_max_part: fc.constant(1024),
      line_max: fc.constantFrom(1024, 3000, 1_000_000),
      rules: fc.array(
        fc.record({
          ...rules,
          path: fc.constantFrom(["/var/**"], ["/srv/**"]),
          app: some(fc.constant("app")),
          tags: fc.constantFrom([], ["x", "y"]),
          multiline_start: some(fc.constant("^[ab]")),
        }),
        { maxLength: 2 },
      ),
    }),
  })
  .map(({ log }) => configOf({ log }));

const word = fc.constantFrom("a", "b", "é", "😀", "x", "12", " ", "a@b.example.com", "10.0.0.1", "c", "d", "\t", "\r");
const text = fc.array(word, { maxLength: 6 }).map((words) => words.join(""));
const line = fc.oneof(
  { arbitrary: text, weight: 8 },
  { arbitrary: fc.constantFrom("java.lang.E: a", "\tat a.b(C.java:1)", ""), weight: 4 },
  {
    arbitrary: fc.tuple(text, fc.integer({ min: 1, max: 2500 }), text).map(([a, n, b]) => a + "x1é".repeat(n) + b),
    weight: 1,
  },
);
const log = fc
  .tuple(
    fc.array(fc.tuple(line, fc.constantFrom("\n", "\n", "\r\n")), { maxLength: 25 }),
    line,
    fc.constantFrom("", "\xff"),
  )
  .map(([lines, last, odd]) => Buffer.concat([Buffer.from(lines.flat().join("") + last), Buffer.from(odd, "latin1")]));

const directory = mkdtempSync(join(tmpdir(), "preview-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));

test("what a preview ships is what the agent ships, and every other line is told with what is against it", async () => {
  const path = join(directory, "log");
  const steps = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(config, log, steps, fc.integer({ min: 1, max: 12 }), async (given, bytes, grown, most) => {
      writeFileSync(path, bytes);
      const expected = await shippedOf(given, path, grown);
      const { lines, bytes: counted } = await previewed(given, () => openedFile(path));
      assert.deepEqual(
        lines.flatMap(({ shipped }) => shipped ?? []),
        expected,
      );
      assert.equal(counted, bytes.length, "every byte is accounted for");
      const fd = openSync(path, "r");
      const streaming = await previewed(given, (previewer) => streamed(fd, previewer.lookback));
      closeSync(fd);
      assert.deepEqual(streaming, { lines, bytes: counted });

      const { lines: first } = await previewed(given, () => openedFile(path), most);
      assert.deepEqual(
        first,
        lines.filter(({ from }) => from <= most),
      );

      let last = 0;
      for (const one of lines) {
        assert.ok(one.from === last + 1 || (one.from === last && one.to === last), "no line is left out");
        last = one.to;
        checkExplanation(one, given);
      }
    }),
    { numRuns: 300 },
  );
});

function checkExplanation(
  { shipped, notShipped, part, text, changed, redacted, isNote }: PreviewLine,
  given: Config,
): void {
  assert.equal(shipped === undefined, notShipped !== undefined);
  assert.ok(!(changed && isNote));
  assert.notEqual(notShipped?.by, "rule", "it is known which rule it was");
  // Parts are judged by their whole line; what is shown is not told apart by what it is decoded from.
  if (part === undefined && notShipped?.by === "exclusion")
    assert.ok(new LineMatcher([notShipped.rule.text]).test(text));
  if (part === undefined && notShipped?.by === "inclusion")
    assert.ok(!new LineMatcher(notShipped.rules.map((rule) => rule.text)).test(text));
  if (!changed || shipped === undefined) return;
  const spans = redacted ?? assert.fail("it is known what was redacted");
  let at = 0;
  for (const { start, end, by } of spans) {
    assert.ok(start >= at && end > start && end <= shipped.line.length && by.length > 0);
    at = end;
    if (part !== undefined || (given.redactAs ?? "mask") !== "mask") continue;
    if (given.pathRules.some(({ redactAs }) => redactAs !== undefined && redactAs !== "mask")) continue;
    assert.equal(shipped.line.slice(start, end), "[REDACTED]");
  }
}
