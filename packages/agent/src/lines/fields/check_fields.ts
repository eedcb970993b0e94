import { join } from "node:path";
import { jsonTemplate } from "./json_template.ts";
import { type FieldOptions, lineFields, textsTemplate } from "./line_fields.ts";
import { parseTemplate, TemplateError, type Variable, variablesOf } from "./template.ts";
import { environmentName, environmentValue, type FieldEnvironment, kindOf, LINE_VARIABLES } from "./variables.ts";

/** The options that replace fields. */
const META_OPTIONS = [
  "metaApp",
  "metaHost",
  "metaEnv",
  "metaFile",
  "metaJson",
  "metaLabels",
  "metaAnnotations",
] as const;
type MetaOption = (typeof META_OPTIONS)[number];

/** What is wrong with one of these options, or worth a warning. */
interface FieldProblem {
  readonly option: MetaOption;
  readonly message: string;
}

export interface FieldChecks {
  readonly hostname: string;
  /** The agent's environment. */
  readonly environment: FieldEnvironment;
  /** Lines of containers get what their pods tell. */
  readonly hasPods: boolean;
  /** Tells the environment's variables whose values must not leave the host. */
  readonly isSecret: (name: string) => boolean;
  /** The server takes no line without both `app` and `file`. */
  readonly needsName: boolean;
  /** Directories whose files are followed: examples of paths. */
  readonly logDirs: readonly string[];
  /** Bytes of a body, at most. */
  readonly bodySize: number;
  /** What people call an option; one that is not set, as they call another that the message is about. */
  readonly titleOf: (option: MetaOption | "ingestBufferSize", beside?: MetaOption) => string;
}

interface CheckedFields {
  /** Those of the environment's variables that the options name and that are no secrets. */
  readonly environment: FieldEnvironment;
  readonly problems: readonly FieldProblem[];
  readonly warnings: readonly FieldProblem[];
}

/** The share of a body that the fields of one line may take: of the smallest body a part of a line leaves twice as much. */
const BODY_SHARE = 16;
const ALWAYS_ALLOWED = 512;

/** Says once, at the start, what of the options does not work: nothing can be said for each line. */
export function checkFields(options: FieldOptions, checks: FieldChecks): CheckedFields {
  const { titleOf } = checks;
  const problems: FieldProblem[] = [];
  const warnings: FieldProblem[] = [];
  const environment: Record<string, string> = {};
  for (const option of META_OPTIONS) {
    const text = options[option] ?? "";
    const template = attempt(titleOf(option), option, problems, () => parseTemplate(text)) ?? [];
    for (const variable of variablesOf(template)) {
      const { name } = variable;
      const value = kindOf(name) === "env" ? environmentValue(name, checks.environment) : undefined;
      if (value !== undefined && !checks.isSecret(environmentName(name))) environment[environmentName(name)] = value;
      const message = warningOf(variable, checks, value);
      if (message !== undefined) warnings.push({ option, message: `${titleOf(option)} ${message}` });
    }
  }
  const { metaJson } = options;
  if (metaJson !== undefined && metaJson !== "" && !problems.some(({ option }) => option === "metaJson"))
    attempt(titleOf("metaJson"), "metaJson", problems, () => jsonTemplate(metaJson, environment));
  for (const option of ["metaLabels", "metaAnnotations"] as const) {
    if (problems.some((problem) => problem.option === option)) continue;
    attempt(titleOf(option), option, problems, () => textsTemplate(options[option], environment));
  }
  if (problems.length === 0) checkResult(options, { ...checks, environment }, problems, warnings);
  return { environment, problems, warnings };
}

function attempt<T>(title: string, option: MetaOption, problems: FieldProblem[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    problems.push({ option, message: `${title} cannot be read: ${error.message}` });
    return undefined;
  }
}

/** @param value what the environment has for it. */
function warningOf(
  { name, fallback }: Variable,
  { isSecret, hasPods }: FieldChecks,
  value: string | undefined,
): string | undefined {
  const nothing = fallback === undefined ? "it stands for nothing" : "what is behind its | stands for it";
  switch (kindOf(name)) {
    case "line":
      return undefined;
    case "env":
      if (isSecret(environmentName(name)))
        return `names \${${name}}, which may hold a secret of the agent's: ${nothing}`;
      return value === undefined && fallback === undefined
        ? `names \${${name}}, which is not set: ${nothing}`
        : undefined;
    case "kubernetes":
      if (fallback !== undefined || hasPods) return undefined;
      return `names \${${name}}, and there are no labels and annotations where lines are not enriched by Kubernetes: ${nothing}`;
    case "unknown": {
      const known = ["env.NAME", ...LINE_VARIABLES.map((field) => `line.${field}`)].join(", ");
      return `names \${${name}}, and there is no such variable, only ${known}: ${nothing}`;
    }
  }
}

/** Looks at what comes of them for a file of each log directory. */
function checkResult(
  options: FieldOptions,
  checks: FieldChecks,
  problems: FieldProblem[],
  warnings: FieldProblem[],
): void {
  const fieldsOf = lineFields(options, checks);
  for (const directory of fieldsOf === undefined ? [] : checks.logDirs) {
    const path = join(directory, "example.log");
    const fields = fieldsOf?.(path) ?? {};
    const bytes = Buffer.byteLength(JSON.stringify(fields));
    const most = Math.max(ALWAYS_ALLOWED, Math.floor(checks.bodySize / BODY_SHARE));
    const option = META_OPTIONS.find((name) => options[name] !== undefined) ?? "metaApp";
    if (bytes > most) {
      const message = `the fields of a line of ${path} take ${bytes} bytes, and may take ${most} where ${checks.titleOf("ingestBufferSize", option)} is ${checks.bodySize}`;
      problems.push({ option, message });
      return;
    }
    if (checks.needsName && fields.app === undefined && fields.file === undefined) {
      const message = `lines of ${path} have neither app nor file: servers of this protocol refuse such lines with 400, so that none arrives; set ${checks.titleOf("metaApp", "metaFile")}, or an app in log.rules`;
      warnings.push({ option: "metaFile", message });
      return;
    }
  }
}
