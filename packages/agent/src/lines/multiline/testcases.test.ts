/**
 * Runs the cases under `testcases/multiline/`: `PRESET/NAME.log`, and in `NAME.events.json` what is shipped of it, as numbers of
 * lines: "3" is a line of its own, "4-9" is an event.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { MULTILINE_PRESETS, type MultilinePreset } from "../../config/line_options.ts";
import { Joiner } from "./joiner.ts";
import { RULE, read, shipped } from "./reading.ts";

const CASES = join(import.meta.dirname, "../../../../../testcases/multiline");

for (const preset of MULTILINE_PRESETS) {
  for (const file of readdirSync(join(CASES, preset)).filter((name) => name.endsWith(".log"))) {
    const name = file.replace(/\.log$/, "");
    const text = readFileSync(join(CASES, preset, file), "latin1");
    const events = JSON.parse(readFileSync(join(CASES, preset, `${name}.events.json`), "utf8")) as string[];
    test(`${preset}: ${name.replaceAll("_", " ")}`, () => {
      assert.deepEqual(numbers(text, [preset]), events);
      assert.deepEqual(numbers(text, MULTILINE_PRESETS), events, "with every preset");
      const other = text.includes("\r") ? text.replaceAll("\r", "") : text.replaceAll("\n", "\r\n");
      assert.deepEqual(numbers(other, [preset]), events, "with the other line ends");
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }), (steps) =>
          assert.deepEqual(numbers(text, [preset], steps), events),
        ),
        { numRuns: 20 },
      );
    });
  }
}

test("the cases of one preset are nothing to another, but for what languages have in common", () => {
  const alike = new Set(["java node", "node java", "ruby python"]);
  for (const preset of MULTILINE_PRESETS) {
    for (const file of readdirSync(join(CASES, preset)).filter((name) => name.endsWith(".log"))) {
      const text = readFileSync(join(CASES, preset, file), "latin1");
      for (const other of MULTILINE_PRESETS.filter((name) => name !== preset && !alike.has(`${preset} ${name}`))) {
        const joined = numbers(text, [other]).filter((event) => event.includes("-"));
        assert.deepEqual(joined, [], `${preset}/${file} with ${other}`);
      }
    }
  }
});

function numbers(text: string, presets: readonly MultilinePreset[], steps?: readonly number[]): string[] {
  const bytes = Buffer.from(text, "latin1");
  const found = read(new Joiner({ ...RULE, presets }), bytes, steps === undefined ? {} : { steps: [...steps] });
  let line = 0;
  return shipped(bytes, found).map((event) => {
    const first = line + 1;
    line += event.split("\n").length - 1;
    return first === line ? String(first) : `${first}-${line}`;
  });
}
