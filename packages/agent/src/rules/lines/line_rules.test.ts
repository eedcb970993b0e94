import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import type { Chunk } from "../../chunk.ts";
import type { LineRules, PathRule } from "../../config/line_options.ts";
import { type LineLimits, type Piece, splitPieces } from "../../lines/pieces.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { patternRegExp } from "../pattern_source.ts";
import { readRustRegex } from "../rust_regex.ts";
import { type CompiledLineRules, compileLineRules, type LineRuleOptions } from "./line_rules.ts";

const NONE: LineRules = {
  lineExclusion: [],
  lineInclusion: [],
  lineRedact: [],
  redact: [],
  redactAs: undefined,
  multiline: undefined,
  rateLimit: undefined,
  sample: undefined,
};
const ENTRY: PathRule = { ...NONE, paths: [], app: undefined, env: undefined, tags: [] };
const LIMITS: LineLimits = { maxPart: 32 * 1024, maxLine: 10 * 1024 * 1024 };

interface Bench {
  readonly rules: CompiledLineRules;
  readonly events: AgentEvent[];
  /** Milliseconds that have passed. */
  now: number;
  apply(bytes: Buffer, pieces?: readonly Piece[], more?: Partial<Chunk>): Chunk;
}

function bench(
  rules: Partial<LineRules> & { readonly pathRules?: readonly PathRule[] },
  options: Partial<LineRuleOptions> = {},
): Bench {
  const events: AgentEvent[] = [];
  const source = { id: 7, sent: () => assert.fail("nothing is sent here") };
  const compiled = compileLineRules({
    rules: { ...NONE, pathRules: [], ...rules },
    createRedactor: () => assert.fail("no presets were given"),
    limits: LIMITS,
    emit: (event) => events.push(event),
    clock: () => it.now,
    ...options,
  });
  const it: Bench = {
    rules: compiled ?? assert.fail("there are rules"),
    events,
    now: 0,
    apply(bytes, pieces = [{ kind: "lines", from: 0, to: bytes.length }], more = {}) {
      const chunk: Chunk = {
        ...{ bytes, pieces, start: 0, file: "/var/log/a.log", readAt: 1, source },
        positionAfter: (offset) => ({ offset, anchor: new Uint8Array(0), lineStart: offset, part: 0 }),
        ...more,
      };
      return it.rules.apply(chunk);
    },
  };
  return it;
}

/** What a chunk ships, line by line. */
function shipped({ bytes, pieces }: Chunk): string[] {
  return pieces.flatMap((piece) => {
    if (piece.kind === "note") return [piece.text];
    if (piece.kind === "replaced") return [piece.text.toString("utf8")];
    if (piece.kind !== "lines" && piece.kind !== "part" && piece.kind !== "event") return [];
    const text = bytes.toString("utf8", piece.from, piece.to).replace(/\r?\n$/, "");
    return piece.kind === "lines" ? text.split(/\r?\n/) : [text];
  });
}

function isGapFree({ bytes, pieces }: Chunk): boolean {
  let at = 0;
  for (const { from, to, kind } of pieces) {
    if (kind === "note") continue;
    if (from !== at || to <= from) return false;
    at = to;
  }
  return at === bytes.length;
}

/** What the rules mean, one line after the other; expressions by V8. */
function expectedLine(
  line: string,
  rules: Pick<LineRules, "lineExclusion" | "lineInclusion" | "lineRedact">,
): string[] {
  const regexOf = (expression: string): RegExp => {
    const regex = patternRegExp(readRustRegex(expression)) ?? assert.fail(expression);
    return new RegExp(regex.source, `${regex.flags}g`);
  };
  const matches = (expression: string): boolean => regexOf(expression).test(line);
  if (rules.lineInclusion.length > 0 && !rules.lineInclusion.some(matches)) return [];
  if (rules.lineExclusion.some(matches)) return [];
  /** For each UTF-16 unit the number of the match that takes it; matches that share one are one. */
  const spans = rules.lineRedact
    .flatMap((expression) => [...line.matchAll(regexOf(expression))])
    .map((match) => ({ from: match.index, to: match.index + match[0].length }))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  let text = "";
  let at = 0;
  while (spans.length > 0) {
    const { from, to } = spans.shift() ?? assert.fail();
    let end = to;
    while (spans[0] !== undefined && (spans[0].from < end || spans[0].from === from))
      end = Math.max(end, spans.shift()?.to ?? 0);
    text += `${line.slice(at, from)}[REDACTED]`;
    at = end;
  }
  return [text + line.slice(at)];
}

const EXPRESSIONS = [
  "error",
  "(?i)ERROR",
  "(?i)kiss",
  "^a",
  "b$",
  "^$",
  "\\d{2,3}",
  "\\d+",
  "[a-f]+x",
  "é",
  "(?i)É",
  "^.{3}$",
  "\\bab\\b",
  "a.b",
  "a|bb|ccc",
  "pass=\\S+",
  "(?:ab?)+b",
  "\\W\\w",
  "[^a-z ]",
  "x?error|warn",
  "\\r",
  "\\x{fffd}",
  "ſ",
  "(a|b)*c",
];
const WORDS = [
  "a",
  "b",
  "ab",
  "abb",
  "error",
  "ERROR",
  "warn",
  "pass=",
  "12",
  "7",
  " ",
  " ",
  "=",
  "é",
  "É",
  "日",
  "x",
  "c",
].concat(["\r", "KISS", "kiſs", "\u212aiss", "😀"]);

const word = fc.constantFrom(...WORDS).map((text) => Buffer.from(text));
/** A few bytes that are no UTF-8. */
const broken = fc.constantFrom([0xff], [0xc3], [0xe6, 0x97], [0xed, 0xa0, 0x80]).map((bytes) => Buffer.from(bytes));
const lineEnd = fc.constantFrom("\n", "\n", "\n", "\r\n").map((text) => Buffer.from(text));
const expressions = fc.array(fc.constantFrom(...EXPRESSIONS), { maxLength: 3 });

for (const [name, piece] of [
  ["lines of UTF-8", word],
  ["lines of ASCII", word.filter((bytes) => bytes.every((byte) => byte < 0x80))],
  ["lines that are not all UTF-8", fc.oneof({ arbitrary: word, weight: 9 }, { arbitrary: broken, weight: 1 })],
] as const) {
  test(`on ${name}, any rules ship what each of them means for each line, and account for every byte`, () => {
    const line = fc
      .tuple(fc.array(piece, { maxLength: 6 }), lineEnd)
      .map(([parts, end]) => Buffer.concat([...parts, end]));
    const text = fc.tuple(fc.array(line, { minLength: 1, maxLength: 12 }), fc.boolean());
    fc.assert(
      fc.property(
        expressions,
        expressions,
        expressions,
        text,
        (lineInclusion, lineExclusion, lineRedact, [lines, ended]) => {
          fc.pre(lineInclusion.length + lineExclusion.length + lineRedact.length > 0);
          const rules = { lineInclusion, lineExclusion, lineRedact };
          const whole = Buffer.concat(lines);
          const bytes = ended ? whole : whole.subarray(0, whole.length - 1);
          fc.pre(bytes.length > 0);
          const texts = bytes.toString("utf8").split("\n");
          if (ended) texts.pop();
          const expected = texts.flatMap((each, at) => {
            const isLast = !ended && at === texts.length - 1;
            if (isLast && each === "") return [];
            return expectedLine(isLast ? each : each.replace(/\r$/, ""), rules);
          });
          const chunk = bench(rules).apply(bytes);
          assert.ok(isGapFree(chunk), JSON.stringify(chunk.pieces));
          const found = shipped(chunk);
          // An unended line may end in a return, which `shipped` takes for a part of a line end nowhere.
          assert.deepEqual(found, expected);
          const left = chunk.pieces.reduce((sum, each) => sum + (each.kind === "excluded" ? each.lines : 0), 0);
          const all = texts.length - (!ended && texts.at(-1) === "" ? 1 : 0);
          assert.equal(left, all - expected.length);
          const kinds = chunk.pieces.map(({ kind }) => kind);
          for (const [at, kind] of kinds.entries())
            assert.ok(kind === "replaced" || kind !== kinds[at + 1], "neighbours that are alike are one");
        },
      ),
      { numRuns: 1500 },
    );
  });
}
