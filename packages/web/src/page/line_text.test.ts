import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { lineRuns, plainText } from "./line_text.ts";

describe("lineRuns", () => {
  it("turns terminal colours into styles", () => {
    assert.deepEqual(lineRuns("a \x1b[1;31mred\x1b[0m b \x1b[38;5;46mgreen\x1b[39m \x1b[38;2;20;20;250mblue\x1b[m."), [
      { text: "a ", style: null },
      { text: "red", style: { bold: true, color: 1 } },
      { text: " b ", style: null },
      { text: "green", style: { color: 10 } },
      { text: " ", style: null },
      { text: "blue", style: { color: 12 } },
      { text: ".", style: null },
    ]);
  });

  it("ignores backgrounds, with which text could be hidden", () => {
    assert.deepEqual(lineRuns("\x1b[30;40m\x1b[48;5;1mx\x1b[48;2;0;0;0my"), [{ text: "xy", style: { color: 0 } }]);
  });

  const plain: readonly (readonly [what: string, text: string, shown: string])[] = [
    ["cursor movements and erasing", "a\x1b[2K\x1b[1;1Hb\x1b[?25lc", "abc"],
    ["titles", "a\x1b]0;title\x07b\x1b]2;title\x1b\\c", "abc"],
    ["links", "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07", "click"],
    ["strings that do not end", "a\x1b]0;title", "a"],
    ["character sets", "a\x1b(Bb", "ab"],
    ["a lone escape", "a\x1b", "a⟨ESC⟩"],
    ["C0 and C1", "a\0b\rc\x7fd\x85e", "a⟨NUL⟩b⟨CR⟩c⟨DEL⟩d⟨U+0085⟩e"],
    ["reordering", "a\u202eb\u2066c", "a⟨U+202E⟩b⟨U+2066⟩c"],
    ["zero width", "a\u200bb\ufeffc", "a⟨U+200B⟩b⟨U+FEFF⟩c"],
    ["tabs, kept", "a\tb", "a\tb"],
    [
      "emoji that are joined, kept",
      "👩\u200d👩\u200d👧 👩🏽\u200d🚒 ❤\ufe0f\u200d🔥",
      "👩\u200d👩\u200d👧 👩🏽\u200d🚒 ❤\ufe0f\u200d🔥",
    ],
    ["Persian and Indic words, kept", "می\u200cخواهم क्\u200dष ශ්\u200dරී", "می\u200cخواهم क्\u200dष ශ්\u200dරී"],
    [
      "joiners where they join nothing",
      "pass\u200dword\u200c \u200d👩 1\u200c2",
      "pass⟨U+200D⟩word⟨U+200C⟩ ⟨U+200D⟩👩 1⟨U+200C⟩2",
    ],
    ["joiners in a row", "می\u200c\u200cخواهم", "می⟨U+200C⟩⟨U+200C⟩خواهم"],
    ["other characters without a width", "pass\u00adword\u206a\u3164", "pass⟨U+00AD⟩word⟨U+206A⟩⟨U+3164⟩"],
  ];
  for (const [what, text, shown] of plain) it(`handles ${what}`, () => assert.equal(plainText(text), shown));

  it("keeps line breaks where they are wanted, and shows them elsewhere", () => {
    assert.equal(plainText("a\nb"), "a⟨LF⟩b");
    assert.deepEqual(lineRuns("a\nb", true), [{ text: "a\nb", style: null }]);
  });

  it("never lets a control or a reordering character through, in bounded runs", () => {
    const texts = fc.string({
      unit: fc.constantFrom(
        "\x1b",
        "[",
        "]",
        "3",
        "1",
        ";",
        "m",
        "8",
        "\x07",
        "\x9b",
        "\x9c",
        "a",
        "<",
        "\u202e",
        "\0",
        "\\",
      ),
      maxLength: 60,
    });
    fc.assert(
      fc.property(texts, (text) => {
        assert.doesNotMatch(plainText(text), /[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
      }),
      { numRuns: 2000 },
    );
    const colourful = Array.from({ length: 50_000 }, (_, i) => `\x1b[3${i % 8}m${i % 10}`).join("");
    const runs = lineRuns(colourful);
    assert.ok(runs.length <= 2001, `${runs.length} runs`);
    assert.equal(
      runs.reduce((chars, run) => chars + run.text.length, 0),
      50_000,
    );
  });

  it("takes time in proportion to the text", () => {
    for (const text of [
      "\x1b]".repeat(200_000),
      "\x1b[".repeat(200_000),
      `\x1b[${"1;".repeat(200_000)}`,
      "\x1bP".repeat(200_000),
    ]) {
      const begun = performance.now();
      plainText(text);
      const took = performance.now() - begun;
      assert.ok(took < 1500, `${took} ms for 400,000 characters beginning ${JSON.stringify(text.slice(0, 4))}`);
    }
  });
});
