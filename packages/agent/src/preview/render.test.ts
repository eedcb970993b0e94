import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../config/mod.ts";
import type { PreviewLine } from "./preview_line.ts";
import { TextRenderer } from "./render.ts";
import { RuleNames } from "./rule_names.ts";

const loaded = loadConfig({
  argv: ["--redact", "email", "--line-exclusion", "x"],
  env: {},
  version: "0",
  keyIsOptional: true,
  readFile: () => {
    throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  },
});
const names = new RuleNames(loaded.kind === "run" ? loaded : assert.fail());
const LINE: PreviewLine = {
  ...{ from: 1, to: 1, part: undefined, shipped: undefined, isNote: false, text: "" },
  ...{ notShipped: undefined, changed: false, redacted: [] },
};

test("with colours, what was redacted stands out and what is not shipped is dim; the text is the same as without", () => {
  const email = { list: "redact", text: "email", entry: undefined, at: 0 } as const;
  const exclusion = { list: "lineExclusion", text: "x", entry: undefined, at: 0 } as const;
  const lines: PreviewLine[] = [
    { ...LINE, shipped: { line: "as it is" } },
    {
      ...LINE,
      shipped: { line: "to [RED\nACTED], é" },
      changed: true,
      redacted: [{ start: 3, end: 14, by: [email] }],
    },
    { ...LINE, from: 2, to: 3, text: "x\ny", notShipped: { by: "exclusion", rule: exclusion } },
  ];
  const plain = new TextRenderer(names, { colours: false });
  const coloured = new TextRenderer(names, { colours: true });
  assert.deepEqual(
    lines.map((line) => plain.line(line)),
    [
      "          1  as it is\n",
      "~         1  to [RED\n~         |  ACTED], é  ← log.redact email\n",
      "-       2-3  x\n-         |  y  ← log.line_exclusion_regex x (flag --line-exclusion)\n",
    ],
  );
  const shown = lines.map((line) => coloured.line(line));
  assert.match(
    shown[1] ?? "",
    /to \u001b\[30m\u001b\[43m\[RED\u001b\[49m\u001b\[39m\n.*\u001b\[43mACTED\]\u001b\[49m\u001b\[39m, é/u,
  );
  assert.match(shown[2] ?? "", / \u001b\[2mx\u001b\[22m\n.* \u001b\[2my\u001b\[22m/u);
  const bare = shown.map((text) => text.replaceAll(/\u001b\[\d+m/gu, ""));
  assert.deepEqual(
    bare,
    lines.map((line) => plain.line(line)),
  );
});
