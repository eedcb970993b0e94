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
  "\\b\\d{2}-\\d",
  ".*=.*",
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
].concat(["\r", "KISS", "kiſs", "\u212aiss", "😀", "٣", "５", "-"]);

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

test("what is no UTF-8 is what it is shipped as, also to an expression that asks for it", () => {
  const bytes = Buffer.concat([Buffer.from("abc"), Buffer.from([0xff]), Buffer.from("def\nabcdef\n")]);
  assert.deepEqual(shipped(bench({ lineRedact: ["abc\\x{fffd}def"] }).apply(bytes)), ["[REDACTED]", "abcdef"]);
});

test("of entries every one that matches the path counts, after what counts for all files", () => {
  const entry = (paths: string[], rules: Partial<LineRules>): PathRule => ({ ...ENTRY, paths, ...rules });
  const { rules, apply } = bench({
    lineExclusion: ["debug"],
    pathRules: [
      entry(["/var/log/*.log"], { lineRedact: ["secret"], sample: 0.000_001 }),
      entry(["/none", "**/b.log"], { lineExclusion: ["info"], sample: 1 }),
      entry(["**/c.*"], { rateLimit: 1 }),
    ],
  });
  const of = (file: string): string[] =>
    shipped(apply(Buffer.from("debug\ninfo secret\nwarn secret\n"), undefined, { file }));
  assert.deepEqual(of("/srv/x"), ["info secret", "warn secret"]);
  assert.deepEqual(of("/var/log/a.log"), []);
  assert.deepEqual(of("/var/log/b.log"), ["warn [REDACTED]"]);
  assert.equal(rules.limitsFor("/srv/x").maxLine, 1024 * 1024);
});

test("of a path that many entries match the rules stay the same, and each combination is made once", () => {
  const bits = 8;
  const pathRules = Array.from({ length: bits }, (_, at) => ({
    ...ENTRY,
    paths: [`/*${"abcdefgh"[at]}*`],
    lineExclusion: [`^drop ${at}$`],
    lineRedact: [`[ab]*a[ab]{10}c|secret ${at}`],
  }));
  let made = 0;
  const createRedactor: LineRuleOptions["createRedactor"] = () => {
    made++;
    return {
      places: () => () => Number.POSITIVE_INFINITY,
      redact: () => undefined,
      trace: (text, spans) => ({ text, spans }),
    };
  };
  const b = bench({ redact: ["email"], pathRules }, { createRedactor });
  const before = made;
  for (let round = 0; round < 2; round++)
    for (let names = 0; names < 1 << bits; names++) {
      const has = (at: number): boolean => (names >> at) % 2 === 1;
      const file = `/x${Array.from("abcdefgh")
        .filter((_, at) => has(at))
        .join("")}`;
      const at = names % bits;
      const chunk = b.apply(Buffer.from(`drop ${at}\nof secret ${at}\n`), undefined, { file });
      assert.deepEqual(
        chunk.pieces.map(({ kind }) => kind),
        has(at) ? ["excluded", "replaced"] : ["lines"],
        file,
      );
    }
  // Those of no entry and of a single one were made before, to tell mistakes.
  assert.equal(made - before, (1 << bits) - 1 - bits);
});

test("without rules there is nothing, and files that none counts for stay as they are", () => {
  const given = { createRedactor: () => assert.fail(), limits: LIMITS, emit: () => undefined };
  assert.equal(compileLineRules({ ...given, rules: { ...NONE, sample: 1, pathRules: [ENTRY] } }), undefined);
  const { rules, apply } = bench({ pathRules: [{ ...ENTRY, paths: ["/b"], lineExclusion: ["x"] }] });
  const chunk = apply(Buffer.from("x\n"));
  assert.deepEqual(shipped(chunk), ["x"]);
  assert.equal(rules.limitsFor("/var/log/a.log"), LIMITS);
  assert.throws(() => bench({ pathRules: [{ ...ENTRY, paths: ["/b"], lineExclusion: ["("] }] }), /not closed/);
});

test("an event is one line to every rule", () => {
  const bytes = Buffer.from("one\r\n  at two\nalone\n");
  const pieces: Piece[] = [
    { kind: "event", from: 0, to: 14, lines: 2 },
    { kind: "lines", from: 14, to: 20 },
  ];
  assert.deepEqual(shipped(bench({ lineInclusion: ["^one\\n  at"] }).apply(bytes, pieces)), ["one\r\n  at two"]);
  assert.deepEqual(bench({ lineExclusion: ["two$"] }).apply(bytes, pieces).pieces, [
    { kind: "excluded", from: 0, to: 14, lines: 2, reason: "rule" },
    { kind: "lines", from: 14, to: 20 },
  ]);
  const redacted = bench({ lineRedact: ["e\\n +at"] }).apply(bytes, pieces);
  assert.deepEqual(shipped(redacted), ["on[REDACTED] two", "alone"]);
  const { pieces: limited } = bench({ rateLimit: 1 }).apply(bytes, pieces);
  assert.deepEqual(
    limited.map(({ kind }) => kind),
    ["event", "excluded"],
  );
});

test("a share of the lines is the same whenever it is taken, and near what was asked for", () => {
  const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join(""));
  const { apply } = bench({ sample: 0.1 });
  const whole = shipped(apply(bytes));
  assert.ok(whole.length > 1800 && whole.length < 2200, `${whole.length} of 20,000`);
  // In other chunks, of another agent.
  const middle = bytes.indexOf("\n", 50_000) + 1;
  const again = bench({ sample: 0.1 });
  const parts = [bytes.subarray(0, middle), bytes.subarray(middle)].map((part, at) =>
    shipped(again.apply(part, undefined, { start: at * middle })),
  );
  assert.deepEqual(parts.flat(), whole);
  const other = { id: 8, sent: () => assert.fail("nothing is sent here") };
  assert.notDeepEqual(shipped(apply(bytes, undefined, { source: other })), whole);
});

const hundred = Buffer.from(Array.from({ length: 100 }, (_, n) => `${n}\n\n`).join(""));
const texts = (chunk: Chunk): string[] => shipped(chunk).filter((text) => text !== "");

test("a file's lines pass up to the limit on its rate, and the others are told in a line of their own", () => {
  const it = bench({ rateLimit: 10 });
  const first = it.apply(hundred);
  assert.deepEqual(texts(first), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  assert.ok(isGapFree(first));
  it.now = 500;
  assert.equal(texts(it.apply(hundred)).length, 5);
  assert.deepEqual(it.rules.notes(), []);
  it.now = 10_000;
  const [note, ...later] = texts(it.apply(hundred, undefined, { start: 1000 }));
  assert.equal(note, "[logdna-agent: 185 lines of this file were dropped in 10 s: more than 10 lines a second]");
  assert.equal(later.length, 10);
  it.now = 10_999;
  assert.deepEqual(it.rules.notes(), []);
});

test("of a file that is quiet, what was dropped is told soon, once, and at a place that no other line has", () => {
  const it = bench({ rateLimit: 10 });
  it.apply(hundred);
  it.now = 999;
  assert.deepEqual(it.rules.notes(), []);
  it.now = 1000;
  const [note] = it.rules.notes();
  assert.deepEqual(note && texts(note), [
    "[logdna-agent: 90 lines of this file were dropped in 1 s: more than 10 lines a second]",
  ]);
  assert.equal(note?.bytes.length, 0);
  assert.deepEqual(
    note.pieces.map((piece) => piece.kind === "note" && [piece.offset, piece.lines]),
    [[hundred.lastIndexOf("99"), 90]],
  );
  assert.deepEqual([it.rules.notes(), it.rules.notes(true)], [[], []]);
  it.apply(hundred);
  it.now = 3000;
  assert.deepEqual(it.rules.notes(), [], "at most each ten seconds");
  assert.equal(it.rules.notes(true).length, 1);
});

test("a line in parts is ruled as a whole, by whichever of its parts it comes", () => {
  const word = fc.constantFrom("secret", "key=", "é", "日本", "x", " ", "drop");
  const line = fc.array(word, { minLength: 5, maxLength: 40 }).map((words) => words.join(""));
  const rules = { lineExclusion: ["drop.*drop"], lineRedact: ["secret", "key=\\S+"] };
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 3 }), fc.integer({ min: 4, max: 20 }), (lines, maxPart) => {
      const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(""));
      const { pieces } = splitPieces(bytes, 0, { lineStart: 0, part: 0 }, { maxPart, maxLine: 1 << 20 }, true);
      const look = (from: number, length: number): Buffer => bytes.subarray(from, from + length);
      const chunk = bench(rules).apply(bytes, pieces, { look });
      assert.ok(isGapFree(chunk));
      const expected = lines.flatMap((each) => expectedLine(each, { ...rules, lineInclusion: [] }));
      assert.equal(shipped(chunk).join(""), expected.join(""));
      // After a crash any of its pieces may come first, without those before it.
      for (const [at, piece] of pieces.entries()) {
        const from = piece.from;
        const rest = pieces.slice(at).map((each) => ({ ...each, from: each.from - from, to: each.to - from }));
        const again = bench(rules).apply(bytes.subarray(from), rest, { start: from, look });
        assert.ok(isGapFree(again));
        const kept = chunk.pieces.filter((each) => each.from >= from);
        if (piece.kind === "part") assert.deepEqual(shipped(again), shipped({ ...chunk, pieces: kept }));
      }
    }),
    { numRuns: 500 },
  );
});

test("of a line whose beginning cannot be read any more nothing is shipped, and it is said", () => {
  const bytes = Buffer.from("e rest of it\nnext\n");
  const pieces: Piece[] = [
    { kind: "part", from: 0, to: 13, number: 2, lineStart: 100, last: true },
    { kind: "lines", from: 13, to: 18 },
  ];
  const it = bench({ lineRedact: ["y"] });
  const chunk = it.apply(bytes, pieces, { start: 120 });
  assert.deepEqual(chunk.pieces, [
    { kind: "excluded", from: 0, to: 13, lines: 0, reason: "undecided" },
    { kind: "lines", from: 13, to: 18 },
  ]);
  assert.deepEqual(
    it.events.map(({ name }) => name),
    ["line_undecided"],
  );
  // A share and a rate ask nothing of the text.
  assert.deepEqual(shipped(bench({ rateLimit: 1 }).apply(bytes, pieces, { start: 120 })), ["e rest of it", "next"]);
});

test("of an excluded line, what is beyond the limit on lines is excluded, too", () => {
  const bytes = Buffer.from("0123456789abcdefghij\n");
  const pieces: Piece[] = [
    { kind: "part", from: 0, to: 10, number: 1, lineStart: 0, last: false },
    { kind: "dropped", from: 10, to: 21, lineStart: 0, number: 2, total: 10 },
  ];
  const { pieces: left } = bench({ lineExclusion: ["345"] }).apply(bytes, pieces);
  assert.deepEqual(left, [{ kind: "excluded", from: 0, to: 21, lines: 1, reason: "rule" }]);
  const { pieces: shippedPieces } = bench({ lineExclusion: ["456$"] }).apply(bytes, pieces);
  assert.deepEqual(shippedPieces, pieces);
});

test("where a rule fails, nothing of the line's text is shipped, and it is said", () => {
  const redact = ["email"] as const;
  const it = bench(
    { redact },
    {
      createRedactor: (presets, style) => ({
        redact(text) {
          assert.deepEqual([presets, style], [redact, "mask"]);
          if (text.includes("bad")) throw new Error("a mistake");
          return text.includes("@") ? text.replaceAll(/\S+@\S+/g, "***") : undefined;
        },
        places: () => (from) => from,
        trace: () => assert.fail("nothing is explained here"),
      }),
    },
  );
  const chunk = it.apply(Buffer.from("é a@b é\nbad\nplain\n"));
  assert.deepEqual(shipped(chunk), ["é *** é", "[REDACTED]", "plain"]);
  assert.deepEqual(it.events, [{ name: "line_undecided", path: "/var/log/a.log", reason: "a mistake" }]);
});

test("a line that takes many rules together too long is not shipped, and those around it are", () => {
  let seed = 1;
  const letters = Array.from({ length: 3800 }, () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % 2 === 0 ? "a" : "b";
  }).join("");
  // What every match has is there, though not where it would match.
  const line = `${letters}${Array.from({ length: 40 }, (_, at) => ` c${at}`).join("")}`;
  const bytes = Buffer.from(`before\n${line}\nxx abbbbbbbbbbbbbc1\n`);
  const expressions = Array.from({ length: 40 }, (_, at) => `[ab]*a[ab]{13}c${at}|${at}c[ab]{13}a[ab]*`);
  const few = bench({ lineRedact: expressions.slice(0, 2) });
  assert.deepEqual(shipped(few.apply(bytes)), ["before", line, "xx [REDACTED]"]);
  const many = bench({ lineRedact: expressions });
  assert.deepEqual(shipped(many.apply(bytes)), ["before", "[REDACTED]", "xx [REDACTED]"]);
  assert.equal(many.events.length, 1);
});

test("a line that takes a rule too long is not shipped, and those around it are", () => {
  let seed = 1;
  const letters = Array.from({ length: 400_000 }, () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % 2 === 0 ? "a" : "b";
  }).join("");
  // Hundreds of ways lead through this at every place, and never the same.
  const slow = "[ab]*a[ab]{400}c[ab]{400}d";
  const bytes = Buffer.from(`one\n${letters}cd\ntwo\n`);
  const excluding = bench({ lineExclusion: [slow, "x"] });
  const chunk = excluding.apply(bytes);
  assert.deepEqual(shipped(chunk), ["one", "two"]);
  assert.equal(excluding.events[0]?.name, "line_undecided");
  const redacting = bench({ lineRedact: [slow] });
  assert.deepEqual(shipped(redacting.apply(bytes)), ["one", "[REDACTED]", "two"]);
});
