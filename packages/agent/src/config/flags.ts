import { Command, CommanderError, Option } from "commander";
import { commaList } from "./comma_list.ts";
import { suggestion } from "./nearest.ts";
import { longFlag, OPTION_LIST } from "./options.ts";
import { shown } from "./problem.ts";
import { emptyReading, type Reading } from "./reading.ts";

/** Flags that ask for something to be printed instead of a run. */
export const ACTIONS = {
  list: { flags: "-l, --list", description: "Print the effective configuration as YAML and exit." },
  help: { flags: "-h, --help", description: "Print this help and exit." },
  version: { flags: "-V, --version", description: "Print the version and exit." },
} as const;

type Action = keyof typeof ACTIONS;

/** What the first agent (v1) changed its configuration file with. */
const CHANGING_FLAGS = ["-s, --set", "-u, --unset"];

/** What the command line gives. */
export interface FlagReading extends Reading {
  readonly actions: ReadonlySet<Action>;
  /** Texts that are neither flags nor their values. */
  readonly operands: readonly string[];
}

/**
 * Reads the command line, without the program's own name; every problem of it, not only the first.
 * @param takesOperands such a text is no problem.
 */
export function readFlags(argv: readonly string[], takesOperands = false): FlagReading {
  const reading = { ...emptyReading(), actions: new Set<Action>() };
  const collected = new Map<string, (string | true)[]>();
  const command = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .helpOption(false);
  for (const [name, option] of OPTION_LIST) {
    if (option.flags === undefined) continue;
    // The value is optional to commander so that a missing one is a problem among others instead of the end.
    const flag = new Option(`${option.flags} [value${option.many ? "..." : ""}]`);
    const values: (string | true)[] = [];
    collected.set(name, values);
    command.addOption(flag);
    command.on(`option:${flag.name()}`, (value: string | null) => values.push(value ?? true));
    for (const old of option.oldFlags ?? []) {
      const oldFlag = new Option(`${old} [value${option.many ? "..." : ""}]`);
      command.addOption(oldFlag);
      command.on(`option:${oldFlag.name()}`, (value: string | null) => {
        reading.warnings.push({ where: `flag ${old}`, message: `an old name; use ${longFlag(option)}` });
        values.push(value ?? true);
      });
    }
  }
  for (const [action, { flags }] of Object.entries(ACTIONS)) {
    const flag = new Option(flags);
    command.addOption(flag);
    // The keys of ACTIONS are its actions.
    command.on(`option:${flag.name()}`, () => reading.actions.add(action as Action));
  }
  // As the first agent (v1) had it.
  command.addOption(new Option("-v"));
  command.on("option:v", () => reading.actions.add("version"));
  for (const flags of CHANGING_FLAGS) {
    const flag = new Option(`${flags} [value...]`);
    command.addOption(flag);
    command.on(`option:${flag.name()}`, () => {
      const message = "the agent changes no configuration file; edit /etc/logdna.conf or /etc/logdna/config.yaml";
      reading.problems.push({ where: `flag ${longFlag({ flags })}`, message });
    });
  }
  const { operands, unknown } = parse(command, argv, reading);
  tellUnknown(takesOperands ? [] : operands, unknown, reading);
  for (const [name, option] of OPTION_LIST) {
    const values = collected.get(name) ?? [];
    if (values.length === 0) continue;
    const where = `flag ${longFlag(option)}`;
    const isBoolean = !option.many && option.kind.placeholder === "true|false";
    const texts = values.map((value) => (value === true && isBoolean ? "true" : value));
    if (texts.includes(true)) {
      const example = `${longFlag(option)}=${option.kind.placeholder}`;
      reading.problems.push({ where, message: `needs a value: ${option.kind.expected} (${example})` });
      continue;
    }
    const given = texts.filter((text) => text !== true);
    if (!option.many && new Set(given).size > 1) {
      reading.problems.push({ where, message: "is given more than once, with different values" });
      continue;
    }
    // As in v2: commas separate in a single value; several values are taken as they are.
    const items = option.many && given.length === 1 ? commaList(given[0] ?? "") : given.slice(option.many ? 0 : -1);
    reading.given.push({
      option: name,
      texts: items.map((text) => ({ text, where })),
      where,
      replaces: false,
      lenient: false,
    });
  }
  return { ...reading, operands };
}

function parse(command: Command, argv: readonly string[], reading: Reading): { operands: string[]; unknown: string[] } {
  try {
    return command.parseOptions([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    reading.problems.push({ where: "command line", message: error.message.replace(/^error: /, "") });
    return { operands: [], unknown: [] };
  }
}

function tellUnknown(operands: readonly string[], unknown: readonly string[], reading: Reading): void {
  const known = [...OPTION_LIST.flatMap(([, option]) => longFlag(option) ?? []), "--list", "--help", "--version"];
  const [...flags] = unknown.filter((text) => text.startsWith("-") && text !== "--");
  for (const flag of flags) {
    // What follows "=" may be a key.
    const name = flag.split("=", 1)[0] ?? flag;
    const near = name.startsWith("--") ? suggestion(name, known) : "";
    reading.problems.push({ where: `flag ${printableName(name)}`, message: `there is no such flag.${near}` });
  }
  // A text behind an unknown flag belongs to that, and may be a key.
  if (flags.length > 0) return;
  for (const text of [...operands, ...unknown.filter((text) => text !== "--")]) {
    const what = /^[a-z][a-z-]{0,15}$/.test(text) ? shown(text) : "this text";
    const message = `${what} is neither a flag nor a flag's value`;
    reading.problems.push({ where: "command line", message });
  }
}

/** The name of an unknown flag as far as it cannot hold a key: somebody may have left out the blank in front of that. */
function printableName(name: string): string {
  if (!name.startsWith("--")) return /^-[0-9A-Za-z]/.test(name) ? name.slice(0, 2) : "-";
  return /^--key/i.test(name) ? name.slice(0, 5) : (/^--[0-9A-Za-z_-]{0,40}/.exec(name)?.[0] ?? "--");
}
