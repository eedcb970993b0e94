import type { MetaOverrides, PathRule } from "../../config/line_options.ts";
import { containerOf } from "../../containers/container_name.ts";
import { globMatcher } from "../../rules/glob.ts";
import { fitsAny, type NamesOf, onlyName } from "../../rules/real_root.ts";
import type { FileFacts } from "./file_facts.ts";
import { type JsonObject, type JsonTemplate, jsonTemplate } from "./json_template.ts";
import { parseTemplate, render, TemplateError } from "./template.ts";
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
  readonly label?: Texts;
  readonly annotation?: Texts;
  readonly level?: string;
}

type Texts = Readonly<Record<string, string>>;

/** What lines that are of no file say of themselves. */
export type OwnFields = Pick<LineFields, "app" | "host" | "file" | "level">;

/** Tells the fields of lines, by the path of their file and what is known of it; or by what they say themselves. Throws nothing. */
export type FieldsOf = (path: string, facts?: FileFacts, own?: OwnFields) => LineFields;

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
): FieldsOf | undefined {
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
  const labels = textsTemplate(options.metaLabels, environment);
  const annotations = textsTemplate(options.metaAnnotations, environment);
  const overrides = [metaApp, metaHost, metaEnv, metaFile, meta, labels, annotations];
  if (rules.length === 0 && overrides.every((override) => override === undefined) && metaJson === undefined)
    return undefined;

  return (path, facts = {}, own = undefined) => {
    let app = own?.app ?? facts.app;
    let env: string | undefined;
    const tags = new Set<string>();
    const names = namesOf(path);
    for (const rule of rules) {
      if (!fitsAny(rule.matchers, names)) continue;
      app = rule.app ?? app;
      env = rule.env ?? env;
      for (const tag of rule.tags) tags.add(tag);
    }
    const file = own === undefined ? (facts.file ?? path) : own.file;
    const before = { app, host: own?.host ?? hostname, env, file };
    const lookUp = (variable: string): string | undefined => {
      if (kindOf(variable) === "env") return environmentValue(variable, environment);
      if (kindOf(variable) === "kubernetes") return podVariable(variable, facts);
      const field = lineVariable(variable);
      return field && before[field];
    };
    const after = {
      app: metaApp === undefined ? app : render(metaApp, lookUp),
      host: metaHost === undefined ? own?.host : render(metaHost, lookUp),
      env: metaEnv === undefined ? env : render(metaEnv, lookUp),
      file: metaFile === undefined ? file : render(metaFile, lookUp),
      meta: meta === undefined ? (metaJson === "" ? undefined : facts.meta) : meta(lookUp),
    };
    const isPods = labels !== undefined || annotations !== undefined ? containerOf(path) !== undefined : false;
    const label = isPods ? merged(facts.label, labels, lookUp) : facts.label;
    const annotation = isPods ? merged(facts.annotation, annotations, lookUp) : facts.annotation;
    return {
      ...(isThere(after.app) && { app: after.app }),
      ...(isThere(after.host) && { host: after.host }),
      ...(isThere(after.env) && { env: after.env }),
      ...(isThere(after.file) && { file: after.file }),
      ...(tags.size > 0 && { tags: [...tags] }),
      ...(after.meta !== undefined && { meta: after.meta }),
      ...(own?.level !== undefined && { level: own.level }),
      ...(label !== undefined && { label }),
      ...(annotation !== undefined && { annotation }),
    };
  };
}

/** The fields of a file of which the configuration says nothing. */
export function fieldsOfFacts(path: string, facts: FileFacts | undefined, own?: OwnFields): LineFields {
  return own ?? { file: path, ...facts };
}

/** A template of texts by name; `none` removes all that there are. @throws {TemplateError} */
export function textsTemplate(
  text: string | undefined,
  environment: FieldEnvironment,
): JsonTemplate | "none" | undefined {
  if (text === undefined) return undefined;
  if (text === "") return "none";
  const template = jsonTemplate(text, environment);
  const wrong = Object.entries(template(() => "")).find(([, value]) => typeof value !== "string");
  if (wrong !== undefined) throw new TemplateError(`the value of ${wrong[0]} must be a text`);
  return template;
}

/** An empty text removes one. */
function merged(
  texts: Texts | undefined,
  template: JsonTemplate | "none" | undefined,
  lookUp: (variable: string) => string | undefined,
): Texts | undefined {
  if (template === "none") return undefined;
  const more = template?.(lookUp) ?? {};
  const all = Object.entries({ ...texts, ...more }).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && (entry[1] !== "" || !(entry[0] in more)),
  );
  return all.length === 0 ? undefined : Object.fromEntries(all);
}

/** `label.KEY` or `annot.KEY` of a line's pod. */
function podVariable(variable: string, { label, annotation }: FileFacts): string | undefined {
  const dot = variable.indexOf(".");
  const texts = (variable.startsWith("label.") ? label : annotation) ?? {};
  const key = variable.slice(dot + 1);
  return Object.hasOwn(texts, key) ? texts[key] : undefined;
}

/** An empty value removes a field. */
function isThere(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
