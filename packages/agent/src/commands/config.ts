import { CONFIG_ERROR_STATUS, configSchema } from "../config/mod.ts";
import { readSmallFile } from "../config/small_file.ts";
import { renderConfig } from "../config_report/render.ts";
import { type ConfigReport, reportConfig } from "../config_report/report.ts";
import { validate } from "../config_report/validate.ts";
import { printable } from "../telemetry/printable.ts";
import { VERSION } from "../version.ts";
import { destinationText } from "./destination_text.ts";
import { jsonText } from "./json_text.ts";
import { loadOrTell } from "./load_or_tell.ts";
import type { Start } from "./start.ts";
import { orTell, tellErrors, tellWarnings } from "./tell.ts";

const HELP = `Usage: logdna-agent config [--json] [OPTION]...
       logdna-agent config validate [--json] [OPTION]...
       logdna-agent config --schema

Shows the configuration that an agent would have which is started with the same options, variables and files: each
value in force, and where it comes from: the default, a line of a file, a variable or a flag. The key and other secrets
are masked. It starts and changes nothing and takes no privilege but that of reading the files; the key may be missing.

  validate
      Tell everything that is wrong with the configuration, and every warning, as the agent does at its start. What
      keeps it from starting is an error: so are a key that is missing and certificates that cannot be used.
  --json
      Print it as JSON.
  --schema
      Print the JSON schema of the YAML file, for editors.

Exit status: 0 when the configuration is valid, 22 when it has errors.
`;

/** `logdna-agent config`. @param argv the command line behind the name of the command. @returns the exit status. */
export function config({ argv, env }: Start): number {
  const isValidate = argv[0] === "validate";
  const rest = isValidate ? argv.slice(1) : argv;
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!isValidate && rest.includes("--schema")) {
    process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
    return 0;
  }
  const isJson = rest.includes("--json");
  const start = { argv: rest.filter((text) => text !== "--json"), env };
  return isValidate ? tellValidation(start, isJson) : showConfig(start, isJson);
}

function showConfig(start: Start, isJson: boolean): number {
  const files: { path: string; error?: string }[] = [];
  const readFile = (path: string): string => {
    try {
      const content = readSmallFile(path);
      files.push({ path });
      return content;
    } catch (error) {
      files.push({ path, error: error instanceof Error && "code" in error ? String(error.code) : String(error) });
      throw error;
    }
  };
  const loaded = loadOrTell({ ...start, readFile, keyIsOptional: true });
  if (typeof loaded === "number") return loaded;
  tellWarnings(loaded.warnings);
  const report: ConfigReport = reportConfig(loaded, files);
  const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  process.stdout.write(isJson ? jsonText(report) : renderConfig(report, { colours }));
  return 0;
}

function tellValidation(start: Start, isJson: boolean): number {
  const { errors, warnings, loaded } = validate({ ...start, version: VERSION });
  if (loaded.kind === "print") return Number(orTell(loaded));
  if (isJson) process.stdout.write(jsonText({ valid: errors.length === 0, errors, warnings }));
  else {
    tellWarnings(warnings);
    tellErrors(errors);
  }
  if (errors.length > 0 || loaded.kind !== "run") return CONFIG_ERROR_STATUS;
  if (!isJson) {
    const told = warnings.length === 0 ? "" : `, with ${warnings.length} warning${warnings.length === 1 ? "" : "s"}`;
    const { logDirs } = loaded.config;
    const what = `it ships ${logDirs.join(", ") || "nothing"} to ${destinationText(loaded.config)}`;
    process.stdout.write(`The configuration is valid${told}: ${printable(what)}.\n`);
  }
  return 0;
}
