import { readFlags } from "../config/flags.ts";

export const SHOWN = ["shipped", "excluded", "redacted"] as const;
export type Shown = (typeof SHOWN)[number];

/** What the command line asks for, besides the options of the agent. */
export interface PreviewArguments {
  /** Files; `-` is standard input. */
  readonly files: readonly string[];
  readonly json: boolean;
  /** Lines of each file. */
  readonly lines: number;
  /** The path by which rules count. */
  readonly as: string | undefined;
  /** Only such lines are shown; undefined for all. */
  readonly only: Shown | undefined;
  /** The rest, which is the agent's. */
  readonly argv: readonly string[];
  /** What is wrong, each one line. */
  readonly problems: readonly string[];
}

const VALUED = ["--lines", "--as", "--only"];

export function readArguments(argv: readonly string[]): PreviewArguments {
  const problems: string[] = [];
  const values = new Map<string, string>();
  const rest: string[] = [];
  let json = false;
  const end = argv.indexOf("--");
  const own = end < 0 ? argv : argv.slice(0, end);
  for (let at = 0; at < own.length; at++) {
    const argument = own[at] ?? "";
    const name = VALUED.find((flag) => argument === flag || argument.startsWith(`${flag}=`));
    if (argument === "--json") json = true;
    else if (name === undefined) rest.push(argument);
    else {
      const value = argument === name ? own[++at] : argument.slice(name.length + 1);
      if (value === undefined || value === "") problems.push(`flag ${name}: needs a value`);
      else if (values.has(name)) problems.push(`flag ${name}: is given more than once`);
      values.set(name, value ?? "");
    }
  }
  if (end >= 0) rest.push(...argv.slice(end));
  const files = readFlags(rest, true).operands;
  const lines = values.get("--lines") || "";
  if (lines !== "" && !/^[1-9]\d{0,14}$/.test(lines)) problems.push("flag --lines: must be a number of lines from 1");
  const onlyText = values.get("--only") || undefined;
  const only = SHOWN.find((shown) => shown === onlyText);
  if (onlyText !== undefined && only === undefined) problems.push(`flag --only: must be one of ${SHOWN.join(", ")}`);
  const as = values.get("--as") || undefined;
  if (as !== undefined && !as.startsWith("/")) problems.push("flag --as: must be an absolute path");
  if (as !== undefined && files.length > 1)
    problems.push("flag --as: is the path of one file, and there are several; preview them one by one");
  if (files.length === 0)
    problems.push(
      "command line: name a file whose lines are to be shown, or - for standard input, in front of flags that take a list, or behind --",
    );
  if (files.filter((file) => file === "-").length > 1) problems.push("command line: - can be given once only");
  return {
    files,
    json,
    lines: lines === "" ? Number.POSITIVE_INFINITY : Number(lines),
    as,
    only,
    argv: rest,
    problems,
  };
}
