import { commaList } from "./comma_list.ts";
import { nearest } from "./nearest.ts";
import { type AnyOption, environmentNames, OPTION_LIST, type OptionName } from "./options.ts";
import { shown } from "./problem.ts";
import { emptyReading, type Reading } from "./reading.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that Kubernetes sets for services and a program's own prefix catches ("Service environment variables"). */
const SERVICE_LINK = /_SERVICE_HOST$|_SERVICE_PORT(_.*)?$|_PORT$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?$/;

/** Reads the options that the environment gives: `MZ_X` before `LOGDNA_X` before old names. */
export function readEnvironment(environment: Environment): Reading {
  const reading = emptyReading();
  for (const [name, option] of OPTION_LIST) readOption(name, option, environment, reading);
  warnOfUnknown(environment, reading);
  return reading;
}

function readOption(name: OptionName, option: AnyOption, environment: Environment, reading: Reading): void {
  const current = environmentNames(option);
  const old = option.oldEnv ?? [];
  let winner: { readonly variable: string; readonly text: string } | undefined;
  for (const variable of [...current, ...old]) {
    const text = environment[variable];
    if (text === undefined || (text.trim() === "" && (option.many || option.emptyCounts !== true))) continue;
    if (old.includes(variable) && !current.includes(variable)) {
      const better = current[1] ?? current[0] ?? "";
      reading.warnings.push({ where: `environment variable ${variable}`, message: `an old name; use ${better}` });
    }
    if (winner === undefined) winner = { variable, text };
    else if (winner.text !== text) {
      const message = `differs from ${winner.variable}, which counts`;
      reading.warnings.push({ where: `environment variable ${variable}`, message });
    }
  }
  if (winner === undefined) return;
  const where = `environment variable ${winner.variable}`;
  const texts = option.many ? commaList(winner.text) : [winner.text.trim()];
  reading.given.push({
    option: name,
    texts: texts.map((text) => ({ text, where })),
    where,
    replaces: false,
    lenient: !current.includes(winner.variable),
  });
}

/** A misspelt variable would otherwise be ignored without a word. It is no error: prefixes are shared with others. */
function warnOfUnknown(environment: Environment, reading: Reading): void {
  const known = new Set(OPTION_LIST.flatMap(([, option]) => [...environmentNames(option), ...(option.oldEnv ?? [])]));
  for (const variable of Object.keys(environment)) {
    if (!/^(MZ|LOGDNA)_/.test(variable) || known.has(variable) || SERVICE_LINK.test(variable)) continue;
    const prefix = variable.startsWith("MZ_") ? "MZ_" : "LOGDNA_";
    const near = nearest(
      variable,
      [...known].filter((candidate) => candidate.startsWith(prefix)),
    );
    const message = `no option has this name; it is ignored.${near === undefined ? "" : ` Did you mean ${near}?`}`;
    const name = /^[\w.-]+$/.test(variable) ? variable : shown(variable);
    reading.warnings.push({ where: `environment variable ${name}`, message });
  }
}
