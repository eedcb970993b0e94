import { hostname } from "node:os";
import type { Config } from "./config.ts";
import { effective } from "./effective.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { readFiles } from "./files.ts";
import { readFlags } from "./flags.ts";
import { helpText } from "./help.ts";
import { listText } from "./list.ts";
import { merge, type RuleSettings } from "./merge.ts";
import type { OptionName, Settings } from "./options.ts";
import { type CertificateProblem, type Problem, placed, problemText } from "./problem.ts";
import { Secret } from "./secret.ts";
import { readSmallFile } from "./small_file.ts";

export interface LoadOptions {
  /** The command line without the program's name and any sub-command. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly version: string;
  /** Reads a file as text; throws the system's error. */
  readonly readFile?: (path: string) => string;
  readonly osHostname?: () => string;
  /**
   * What is wrong with the certificates that a configuration names. It is asked where something else is wrong, so that everything is
   * told at once; where nothing is, whoever uses them tells.
   */
  readonly certificateProblem?: (config: Omit<Config, "key">) => CertificateProblem | undefined;
  /** Whether to go on without an ingestion key; it is an empty one then. */
  readonly keyIsOptional?: boolean;
  /** Whether the command line may have texts that are neither flags nor their values. */
  readonly takesOperands?: boolean;
}

/** What the configuration comes to. */
export type LoadResult =
  | {
      readonly kind: "run";
      readonly config: Config;
      /** Each one line, to be shown once. */
      readonly warnings: readonly string[];
      /** Where each value comes from; options that have their default are not in it. */
      readonly origins: ReadonlyMap<OptionName, string>;
      /** Where each item of a list comes from; empty for one of the default. */
      readonly itemOrigins: ReadonlyMap<OptionName, readonly string[]>;
      /** What each entry of `log.rules` is called, and where what it says stands, in their order. */
      readonly ruleOrigins: readonly Pick<RuleSettings, "title" | "origins" | "itemOrigins">[];
      /** Each option as it was given, or its default; `config` is what comes of them together. */
      readonly settings: Settings;
    }
  /** Something was asked to be printed on standard output, after which there is nothing to do. */
  | { readonly kind: "print"; readonly text: string; readonly warnings: readonly string[] }
  /** Everything that is wrong, each one line; the exit status is `CONFIG_ERROR_STATUS`. */
  | { readonly kind: "error"; readonly errors: readonly string[]; readonly warnings: readonly string[] };

/**
 * Reads the configuration: flags before environment before files before defaults. Changes nothing and can be called
 * again, which is what reloading does.
 */
export function loadConfig(options: LoadOptions): LoadResult {
  const readFile = options.readFile ?? ((path: string) => readSmallFile(path));
  const flags = readFlags(options.argv, options.takesOperands);
  if (flags.actions.has("help")) return { kind: "print", text: helpText(), warnings: [] };
  if (flags.actions.has("version")) return { kind: "print", text: `${options.version}\n`, warnings: [] };

  const environment = readEnvironment(options.env);
  const files = readFiles(environment, flags, options.env, readFile);
  const merged = merge(files, environment, flags);
  const surroundings = {
    readFile,
    osHostname: options.osHostname ?? hostname,
    env: options.env,
    credentials: options.env.CREDENTIALS_DIRECTORY || undefined,
  };
  const { config, ...told } = effective(merged, surroundings);

  const isList = flags.actions.has("list");
  const { key } = config;
  const problems = [...merged.problems, ...told.problems];
  // The configuration can be looked at before there is a key, and by whoever may not read it.
  const mayLackKey = isList || options.keyIsOptional === true;
  const missingKey = mayLackKey && key === undefined && problems.every(({ lacksKey }) => lacksKey !== undefined);
  const unread = missingKey ? problems.filter(({ lacksKey }) => lacksKey === "unreadable") : [];
  const warnings = textsOf([...merged.warnings, ...told.warnings, ...unread]);
  if (problems.length > 0 && !missingKey) {
    const certificates = isList ? undefined : options.certificateProblem?.(config);
    if (certificates !== undefined) problems.push(placed(certificates, merged.origins));
    const wrong = mayLackKey ? problems.filter(({ lacksKey }) => lacksKey !== "missing") : problems;
    return { kind: "error", errors: textsOf(wrong), warnings };
  }
  if (isList) return { kind: "print", text: listText(config, merged), warnings };
  if (key === undefined && !missingKey)
    throw new Error("A configuration without a key must have been told as a problem.");
  const { origins, itemOrigins, rules: ruleOrigins, settings } = merged;
  const given = { origins, itemOrigins, ruleOrigins, settings };
  return { kind: "run", config: { ...config, key: key ?? new Secret("") }, warnings, ...given };
}

/** Each once. */
function textsOf(problems: readonly Problem[]): string[] {
  return [...new Set(problems.map(problemText))];
}
