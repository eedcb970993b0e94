import { ACTIONS } from "./flags.ts";
import { type AnyOption, environmentNames, GROUPS, OPTION_LIST, optionTitle } from "./options.ts";

/** Column at which descriptions begin, and the width that they are wrapped to. */
const INDENT = 6;
const WIDTH = 100;

const COMMANDS = {
  config:
    "Show each value in force and where it comes from; `config validate` tells everything that is wrong, `config --schema` prints the JSON schema of the file; see config --help.",
  doctor:
    "Tell which privileges this host's log files need, what the agent keeps of them and what it gives away, and what would do with less; see doctor --help.",
  preview:
    "Show the lines of files as they would ship, what is redacted in them, and which rule leaves out the others; sends nothing; see preview --help.",
  status:
    "Show how the running agent is: its last error, what is still to be read, and what became of every byte that was read; see status --help.",
} as const;

/** What `--help` prints: every option under its heading, with its names in other places and its default. */
export function helpText(): string {
  const parts = [
    "Usage: logdna-agent [OPTION]...\n\nFollows log files and ships their new lines to an ingestion server.\n\n" +
      "Each option can be set by flag, by environment variable (MZ_ or LOGDNA_ in front of the name)\n" +
      "or in the configuration file; flags win over the environment, and that over the file.\n",
  ];
  for (const group of GROUPS) {
    const options = OPTION_LIST.filter(([, option]) => option.group === group);
    if (group === "Not supported yet") {
      const names = options.flatMap(([, option]) => (option.support === "later" ? [optionTitle(option)] : []));
      parts.push(`${group}:\n${wrapped(`Accepted with a warning: ${names.join(", ")}.`, 2)}\n`);
      continue;
    }
    parts.push(`${group}:\n${options.map(([, option]) => optionHelp(option)).join("")}`);
  }
  const actions = Object.values(ACTIONS).map(
    ({ flags, description }) => `  ${flags}\n${wrapped(description, INDENT)}\n`,
  );
  parts.push(`Instead of running:\n${actions.join("")}`);
  const commands = Object.entries(COMMANDS).map(([name, text]) => `  ${name}\n${wrapped(text, INDENT)}\n`);
  parts.push(`Commands:\n${commands.join("")}`);
  return parts.join("\n");
}

/** The default of an option, as text; undefined when there is none. */
export function defaultText(option: AnyOption): string | undefined {
  if (option.many) return option.default.length === 0 ? undefined : option.default.join(", ");
  return option.defaultText ?? (option.default === undefined ? undefined : String(option.default));
}

function optionHelp(option: AnyOption): string {
  const value = `<${option.kind.placeholder}>${option.many ? "..." : ""}`;
  const head = option.flags === undefined ? "(no flag)" : `${option.flags} ${value}`;
  const fallback = defaultText(option);
  const names = [
    ...(option.env === undefined ? environmentNames(option) : [option.env]),
    ...(option.yaml === undefined ? [] : [option.yaml]),
  ];
  const facts = [`Also: ${names.join(", ")}.`, ...(fallback === undefined ? [] : [`Default: ${fallback}.`])];
  return `  ${head}\n${wrapped(option.description, INDENT)}\n${wrapped(facts.join(" "), INDENT)}\n`;
}

function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((part) => " ".repeat(indent) + part).join("\n");
}
