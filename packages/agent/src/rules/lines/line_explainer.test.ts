import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { type LineRules, type PathRule, REDACTION_PRESETS } from "../../config/line_options.ts";
import { createRedactor } from "../redaction/mod.ts";
import { LineExplainer, type LineExplainerOptions } from "./line_explainer.ts";
import { LineMatcher } from "./line_matcher.ts";
import { LineRedaction } from "./line_redaction.ts";
import { TextRules } from "./text_rules.ts";

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
const ENTRY: PathRule = { ...NONE, paths: ["/a/**"], app: undefined, env: undefined, tags: [] };
const EXPRESSIONS = ["a", "b+", "^é", "4111", "[0-9]{2,}", "e.a", "@", "\\s", "😀", "a|ab|abc", ""];
const SALT = Buffer.alloc(32, 7);
const createRules: LineExplainerOptions["createRedactor"] = (presets, style) =>
  createRedactor({ presets, style, salt: SALT });

const line = fc
  .array(
    fc.constantFrom(
      "a",
      "ab",
      "b",
      "é",
      "😀",
      " ",
      "4111111111111111",
      "a@b.example.com",
      "10.0.0.1",
      "-",
      "12",
      "<",
      "@",
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
const expressions = fc.array(fc.constantFrom(...EXPRESSIONS), { maxLength: 3 });
const rules = fc.record({
  lineExclusion: expressions,
  lineInclusion: expressions,
  lineRedact: expressions,
  redact: fc.subarray([...REDACTION_PRESETS]),
  redactAs: fc.constantFrom("mask", "partial", "hash", undefined),
});

test("what is explained is what the rules do, and each rule that is named does it alone", () => {
  fc.assert(
    fc.property(rules, rules, line, (all, entry, text) => {
      const own = { ...NONE, ...all, pathRules: [{ ...ENTRY, ...entry }] };
      const explainer = new LineExplainer({ rules: own, createRedactor: createRules }, "/a/b.log");
      const both: LineRules = {
        ...NONE,
        lineExclusion: [...all.lineExclusion, ...entry.lineExclusion],
        lineInclusion: [...all.lineInclusion, ...entry.lineInclusion],
        lineRedact: [...all.lineRedact, ...entry.lineRedact],
      };
      const presets = [...new Set([...all.redact, ...entry.redact])];
      const redactor = createRules(presets, entry.redactAs ?? all.redactAs ?? "mask");
      const decided = new TextRules(both, redactor, () => assert.fail("every line can be decided"));

      const against = explainer.against(text);
      assert.equal(against === undefined ? undefined : "rule", decided.reasonAgainst(text, ""));
      if (against?.by === "exclusion") assert.ok(new LineMatcher([against.rule.text]).test(text));
      if (against?.by === "inclusion")
        for (const rule of against.rules) assert.ok(!new LineMatcher([rule.text]).test(text), rule.text);

      const redacted = explainer.redacted(text) ?? assert.fail("every line can be explained");
      assert.equal(redacted.text, decided.redacted(text, "")?.toString("utf8") ?? text);
      const bytes = Buffer.from(redacted.text);
      let at = 0;
      for (const { start, end, by } of redacted.spans) {
        assert.ok(start >= at && end > start && end <= bytes.length, "spans are in order, apart and within");
        at = end;
        assert.ok(by.length > 0);
        for (const { list, text: name, entry: number, at: place } of by) {
          assert.equal((number === undefined ? all : entry)[list as "redact"][place], name);
          if (list !== "lineRedact") continue;
          const alone = new LineRedaction([name], undefined);
          assert.notEqual(alone.redact(text), undefined, `${name} finds something`);
        }
      }
      // What is not in a span is of the line, in its order.
      let from = 0;
      const source = Buffer.from(text);
      const edges = [0, ...redacted.spans.flatMap(({ start, end }) => [start, end]), bytes.length];
      for (let edge = 0; edge < edges.length; edge += 2) {
        const kept = bytes.subarray(edges[edge], edges[edge + 1]);
        const found = source.indexOf(kept, from);
        assert.ok(found >= from, `${kept} is of the line`);
        from = found + kept.length;
      }
    }),
    { numRuns: 2000 },
  );
});

test("of expressions that find the same place all are named, and of a region around it the preset, too", () => {
  const own = { ...NONE, lineRedact: ["secret", "cre"], redact: ["email"] as const, pathRules: [] };
  const explainer = new LineExplainer({ rules: own, createRedactor: createRules }, "/a");
  const { text, spans } = explainer.redacted("é secret, to a@example.com") ?? assert.fail();
  assert.equal(text, "é [REDACTED], to [REDACTED]");
  assert.deepEqual(
    spans.map(({ start, end, by }) => [start, end, by.map((rule) => rule.text)]),
    [
      [3, 13, ["secret", "cre"]],
      [18, 28, ["email"]],
    ],
  );
});
