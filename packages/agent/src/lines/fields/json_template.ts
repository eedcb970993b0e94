import { PART_KEYS } from "../part_keys.ts";
import { parseTemplate, render, type Template, TemplateError, variablesOf } from "./template.ts";
import { environmentValue, type FieldEnvironment, kindOf } from "./variables.ts";

/** A JSON object, by its keys. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Makes the object for a line whose fields have these values. Throws nothing. */
export type JsonTemplate = (lookUp: (variable: string) => string | undefined) => JsonObject;

/** A receiver of protobuf takes 100 messages within each other; a value takes up to three. */
const MAX_DEPTH = 20;
/** Stands for the values of a line while a template is checked: it is good JSON within a string and nowhere else. */
const ANY = "~";

/**
 * Reads a template of a JSON object. Within a string a value is escaped, so that whatever it holds it stays in there; elsewhere the
 * value of a variable of the environment stands as it is. Fields of a line can only stand within strings: whether the text is JSON
 * must not depend on them.
 * @throws {TemplateError} when it is not a JSON object, or not for every line.
 */
export function jsonTemplate(text: string, environment: FieldEnvironment): JsonTemplate {
  const template = withEnvironment(parseTemplate(text), environment);
  check(template);
  return (lookUp) => {
    const value: unknown = JSON.parse(
      render(template, (variable) => {
        const value = lookUp(variable);
        return value === undefined ? undefined : escaped(value);
      }),
    );
    // As it was for any values when it was checked.
    return value as JsonObject;
  };
}

/** The template with nothing but fields of lines left to be filled in. */
function withEnvironment(template: Template, environment: FieldEnvironment): Template {
  let inString = false;
  let afterBackslash = false;
  const scan = (text: string): void => {
    for (const character of text) {
      if (afterBackslash) afterBackslash = false;
      else if (character === "\\") afterBackslash = inString;
      else if (character === '"') inString = !inString;
    }
  };
  const fill = (parts: Template): Template =>
    parts.flatMap((part) => {
      if (typeof part === "string") {
        scan(part);
        return [part];
      }
      if (kindOf(part.name) === "line" || kindOf(part.name) === "kubernetes") {
        // What stands for it was checked to end where it began, as a value does.
        const before = { inString, afterBackslash };
        const fallback = fill(part.fallback ?? []);
        ({ inString, afterBackslash } = before);
        return [{ name: part.name, fallback }];
      }
      const value = kindOf(part.name) === "env" ? environmentValue(part.name, environment) : undefined;
      if (value === undefined) return fill(part.fallback ?? []);
      const written = inString ? escaped(value) : value;
      scan(written);
      return [written];
    });
  return fill(template);
}

/** @throws {TemplateError} */
function check(template: Template): void {
  const text = render(template, () => ANY);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // What follows quotes the text, and with it values of the environment.
    const reason = error instanceof SyntaxError ? error.message.replace(/(?:, (?:\.\.\.)?"| in JSON)[\s\S]*$/, "") : "";
    const hint = variablesOf(template).length === 0 ? "" : "; a field of the line must stand within a string";
    throw new TemplateError(
      `it is not JSON once its variables have values${reason === "" ? "" : `: ${reason}`}${hint}`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TemplateError('it must be a JSON object, such as {"team": "web"}');
  if (isDeeper(value, MAX_DEPTH)) throw new TemplateError(`it has values more than ${MAX_DEPTH} levels deep`);
  const reserved = Object.keys(value).find((key) => PART_KEYS.has(key));
  if (reserved !== undefined)
    throw new TemplateError(`its key ${reserved} is one that the parts of long lines have; choose another`);
  checkFallbacks(template);
}

/** What stands for a field that a line does not have stands within the same string. @throws {TemplateError} */
function checkFallbacks(template: Template): void {
  for (const part of template) {
    if (typeof part === "string" || part.fallback === undefined) continue;
    try {
      JSON.parse(`"${render(part.fallback, () => ANY)}"`);
    } catch {
      throw new TemplateError(`what stands for \${${part.name}} where there is none must be good within a JSON string`);
    }
    checkFallbacks(part.fallback);
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** A text as it stands between the quotes of a JSON string. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
