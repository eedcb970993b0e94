import type { MetaOverrides, PathRule } from "../../config/line_options.ts";
import { globMatcher } from "../../rules/glob.ts";
import { fitsAny, type NamesOf, onlyName } from "../../rules/real_root.ts";
import type { FileFacts } from "./file_facts.ts";
import { type JsonObject, jsonTemplate } from "./json_template.ts";
import { parseTemplate, render } from "./template.ts";
import { environmentValue, type FieldEnvironment, kindOf, lineVariable } from "./variables.ts";

/** What a line says of itself besides its text and its time. What is absent is not sent. */
export interface LineFields {
  readonly app?: string;
  /** Only where it is another than that of the agent, which each request names. */
  readonly host?: string;
  readonly env?: string;
  readonly file?: string;
  /** Besides those of the agent, which each request names. */
  readonly tags?: readonly string[];
  readonly meta?: JsonObject;
  /** Labels and annotations of the pod or the container. */
  readonly label?: Readonly<Record<string, string>>;
  readonly annotation?: Readonly<Record<string, string>>;
}

export interface FieldOptions extends MetaOverrides {
  readonly pathRules?: readonly Pick<PathRule, "paths" | "app" | "env" | "tags">[];
}

export interface FieldSurroundings {
  /** The host that requests are sent in the name of. */
  readonly hostname: string;
  readonly environment: FieldEnvironment;
  /** An entry of `log.rules` counts for a path if it matches one of these; by default the path alone. */
  readonly namesOf?: NamesOf;
}

/**
 * Tells the fields of the lines of a file, by its path and what is known of it. First that counts, then every entry of `log.rules` that
 * matches says what it says, in their order; then the META options replace what is there, and see in `${line.…}` what was there
 * before any of them.
 *
 * The same for the same path and facts always, so that it need be asked once for each file; the function throws nothing.
 * @returns undefined where nothing is said of any file: `file` is the path then, and nothing else but what is known of it is there.
 * @throws {TemplateError} for a template that cannot be read; `checkFields` tells it as a problem.
 */
export function lineFields(
  options: FieldOptions,
  { hostname, environment, namesOf = onlyName }: FieldSurroundings,
): ((path: string, facts?: FileFacts) => LineFields) | undefined {
  const rules = (options.pathRules ?? [])
    .filter(({ app, env, tags }) => app !== undefined || env !== undefined || tags.length > 0)
    .map((rule) => ({ ...rule, matchers: rule.paths.map((glob) => globMatcher(glob)) }));
  const [metaApp, metaHost, metaEnv, metaFile] = [
    options.metaApp,
    options.metaHost,
    options.metaEnv,
    options.metaFile,
  ].map((text) => (text === undefined ? undefined : parseTemplate(text)));
  const { metaJson } = options;
  const meta = metaJson === undefined || metaJson === "" ? undefined : jsonTemplate(metaJson, environment);
  const overrides = [metaApp, metaHost, metaEnv, metaFile, meta];
  if (rules.length === 0 && overrides.every((override) => override === undefined) && metaJson === undefined)
    return undefined;

  return (path, facts = {}) => {
    let { app } = facts;
    let env: string | undefined;
    const tags = new Set<string>();
    const names = namesOf(path);
    for (const rule of rules) {
      if (!fitsAny(rule.matchers, names)) continue;
      app = rule.app ?? app;
      env = rule.env ?? env;
      for (const tag of rule.tags) tags.add(tag);
    }
    const file = facts.file ?? path;
    const before = { app, host: hostname, env, file };
    const lookUp = (variable: string): string | undefined => {
      if (kindOf(variable) === "env") return environmentValue(variable, environment);
      const field = lineVariable(variable);
      return field && before[field];
    };
    const after = {
      app: metaApp === undefined ? app : render(metaApp, lookUp),
      host: metaHost === undefined ? undefined : render(metaHost, lookUp),
      env: metaEnv === undefined ? env : render(metaEnv, lookUp),
      file: metaFile === undefined ? file : render(metaFile, lookUp),
      meta: meta === undefined ? (metaJson === "" ? undefined : facts.meta) : meta(lookUp),
    };
    return {
      ...(isThere(after.app) && { app: after.app }),
      ...(isThere(after.host) && { host: after.host }),
      ...(isThere(after.env) && { env: after.env }),
      ...(isThere(after.file) && { file: after.file }),
      ...(tags.size > 0 && { tags: [...tags] }),
      ...(after.meta !== undefined && { meta: after.meta }),
      ...(facts.label !== undefined && { label: facts.label }),
      ...(facts.annotation !== undefined && { annotation: facts.annotation }),
    };
  };
}

/** The fields of a file of which the configuration says nothing. */
export function fieldsOfFacts(path: string, facts: FileFacts | undefined): LineFields {
  return { file: path, ...facts };
}

/** An empty value removes a field. */
function isThere(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
