/**
 * What joining lines costs: `node bench/multiline.ts [MEGABYTES]`. Reads a file as the agent does and puts its lines into bodies,
 * without compression and without a server, with each kind of joining in turn; and tells the bytes for each second of processor
 * time, also as a part of those without joining.
 * Twice: for ordinary lines, and for a log in which every fifth entry is a stack trace.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MULTILINE_PRESETS, type MultilineRule } from "../packages/agent/src/config/line_options.ts";
import { multilineFor } from "../packages/agent/src/lines/multiline/mod.ts";
import { compareJoining, LIMITS } from "./joining.ts";

const NONE: MultilineRule = {
  presets: [],
  start: undefined,
  continuation: undefined,
  timeout: 1000,
  maxLines: 1000,
  maxBytes: LIMITS.maxPart,
};
const RULES: Readonly<Record<string, Partial<MultilineRule> | undefined>> = {
  none: undefined,
  ...Object.fromEntries(MULTILINE_PRESETS.map((preset) => [preset, { presets: [preset] }])),
  "all presets": { presets: MULTILINE_PRESETS },
  "start ^\\d{4}-": { start: "^\\d{4}-" },
  "continuation ^\\s": { continuation: "^\\s" },
};
const CASES = join(import.meta.dirname, "../testcases/multiline");

const traces = MULTILINE_PRESETS.flatMap((preset) =>
  readdirSync(join(CASES, preset))
    .filter((name) => name.endsWith(".log") && name !== "no_traces.log")
    .map((name) => readFileSync(join(CASES, preset, name), "utf8")),
);
compareJoining(
  Number(process.argv[2] ?? 16) * 1e6,
  [
    { title: "ordinary lines", entry: record },
    {
      title: "every fifth entry a trace",
      entry: (n) => record(n) + (n % 5 === 0 ? (traces[(n / 5) % traces.length] ?? "") : ""),
    },
  ],
  Object.fromEntries(
    Object.entries(RULES).map(([name, rule]) => [
      name,
      multilineFor({ multiline: rule && { ...NONE, ...rule }, pathRules: [] }),
    ]),
  ),
);

function record(n: number): string {
  const level = n % 17 === 0 ? "ERROR" : "INFO ";
  return `2026-01-02T03:04:05.${String(n % 1000).padStart(3, "0")}Z ${level} request ${n} GET /api/v1/items/${n % 97} status=200 duration=${n % 311}ms\n`;
}
