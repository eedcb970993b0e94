/** Runs the examples of `docs/redaction.md`. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REDACTION_PRESETS, REDACTION_STYLES } from "../../config/line_options.ts";
import { createRedactor } from "./mod.ts";

const DOCUMENT = readFileSync(join(import.meta.dirname, "../../../../../docs/redaction.md"), "utf8");
const HEAD = "| Preset | Line | `mask` | `hash` | `partial` |";

test("what the documentation says of the styles is what becomes of its lines", () => {
  const rows = REDACTION_PRESETS.map((preset) => {
    const row = DOCUMENT.split("\n").find((line) => line.startsWith(`| \`${preset}\` | \``)) ?? assert.fail(preset);
    const line = row.split("`")[3] ?? "";
    const redacted = REDACTION_STYLES.map((style) =>
      createRedactor({ presets: [preset], style, salt: Buffer.from("salt") }).redact(line),
    );
    return `| \`${preset}\` | \`${line}\` | ${redacted.map((text) => `\`${text}\``).join(" | ")} |`;
  });
  const table = [HEAD, "|---|---|---|---|---|", ...rows].join("\n");
  assert.ok(DOCUMENT.includes(`\n${table}\n`), `docs/redaction.md should have:\n${table}`);
});

test("the documentation names every preset in every table that it has of them", () => {
  for (const heading of ["## What each preset finds", "## What is hashed", "## What partial shows"]) {
    const section = DOCUMENT.split(heading)[1]?.split("\n## ")[0] ?? "";
    for (const preset of REDACTION_PRESETS) assert.ok(section.includes(`\`${preset}\``), `${preset} in ${heading}`);
  }
});
