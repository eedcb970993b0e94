import { ACTIONS } from "./flags.ts";
import { defaultText } from "./help.ts";
import { RULE_OPTIONS } from "./line_rows.ts";
import { type AnyOption, GROUPS, lastKey, OPTION_LIST } from "./options.ts";

/** The options as Markdown, one table for each group; the body of `docs/configuration.md`. */
export function renderOptionsMarkdown(): string {
  const parts: string[] = [];
  for (const group of GROUPS) {
    const rows = OPTION_LIST.filter(([, option]) => option.group === group).map(([, option]) => row(option));
    const table = ["| Variable | YAML | Flag | Default | Meaning |", "|---|---|---|---|---|", ...rows].join("\n");
    const intro =
      group === "Not supported yet"
        ? "Accepted everywhere, so that an existing configuration loads; a value that would have an effect is answered with a warning.\n\n"
        : "";
    parts.push(`## ${group}\n\n${intro}${table}\n`);
  }
  const keys = Object.values<AnyOption>(RULE_OPTIONS).map((option) => {
    const meaning = `${option.description} Takes ${takes(option)}.`;
    return `| \`${lastKey(option)}\` | ${cell(meaning)} |`;
  });
  parts.push(`## Keys of an entry of \`log.rules\`\n\n${["| Key | Meaning |", "|---|---|", ...keys].join("\n")}\n`);
  const actions = Object.values(ACTIONS).map(({ flags, description }) => `| \`${flags}\` | ${description} |`);
  parts.push(`## Instead of running\n\n${["| Flag | Meaning |", "|---|---|", ...actions].join("\n")}\n`);
  return parts.join("\n");
}

function row(option: AnyOption): string {
  const names = [...(option.env === undefined ? [] : [option.env]), ...(option.plainEnv ?? [])].map(code).join(", ");
  const old = (option.oldEnv ?? []).map(code).join(", ");
  const v1 = (option.properties ?? []).map(code).join(", ");
  const oldFlags = (option.oldFlags ?? []).map(code).join(", ");
  const remarks = [
    option.description,
    `Takes ${takes(option)}.`,
    ...(old === "" ? [] : [`Old: ${old}.`]),
    ...(oldFlags === "" ? [] : [`Flags of the v1 agent: ${oldFlags}.`]),
    ...(v1 === "" ? [] : [`In the v1 file: ${v1}.`]),
  ];
  const isText = !option.many && option.defaultText !== undefined;
  const fallback = isText
    ? option.defaultText
    : option.many
      ? option.default.map(String).map(code).join(", ")
      : code(defaultText(option));
  return `| ${[names, code(option.yaml), code(option.flags), fallback, cell(remarks.join(" "))].join(" | ")} |`;
}

function takes(option: AnyOption): string {
  return `${option.many ? "a list, each " : ""}${option.kind.expected}`;
}

function code(text: string | undefined): string {
  return text === undefined || text === "" ? "" : `\`${text}\``;
}

/** In a table `|` ends a cell, and `*` and `_` would set text in italics. */
function cell(text: string): string {
  return text.replace(/(?<!`[^` ]*)[|*_<]/g, "\\$&");
}
