/**
 * A text in which variables stand for values: `${env.NAME}`, and with what stands for it where it has none, which may hold
 * variables itself: `${line.app|web}`, `${line.app|${env.APP}}`. `$${` is the text `${`; a `$` before anything else is itself.
 */
export type Template = readonly (string | Variable)[];

export interface Variable {
  /** What stands between `${` and `}` or `|`: `env.NAME`, `line.app`. */
  readonly name: string;
  /** What stands for it where it has no value; undefined where nothing was given, and then it stands for nothing. */
  readonly fallback: Template | undefined;
}

/** A template that cannot be read; the message says what is wrong, without the template's name. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** Variables within fallbacks of variables. */
const MAX_DEPTH = 8;

/** Reads a template. @throws {TemplateError} */
export function parseTemplate(text: string): Template {
  return parse(text, 0, 0).template;
}

/** The text with the values of its variables. @param lookUp undefined where a variable has none. */
export function render(template: Template, lookUp: (name: string) => string | undefined): string {
  let text = "";
  for (const part of template)
    text += typeof part === "string" ? part : (lookUp(part.name) ?? render(part.fallback ?? [], lookUp));
  return text;
}

/** All variables, also those within fallbacks. */
export function variablesOf(template: Template): Variable[] {
  return template.flatMap((part) => (typeof part === "string" ? [] : [part, ...variablesOf(part.fallback ?? [])]));
}

/** Reads up to the end, or within a fallback up to its `}`. */
function parse(text: string, from: number, depth: number): { readonly template: Template; readonly end: number } {
  const parts: (string | Variable)[] = [];
  const special = depth === 0 ? /\$\$\{|\$\{/g : /\$\$\{|\$\{|\}/g;
  let at = from;
  for (;;) {
    special.lastIndex = at;
    const found = special.exec(text);
    const end = found?.index ?? text.length;
    if (end > at) parts.push(text.slice(at, end));
    if (found === null || found[0] === "}") return { template: parts, end };
    at = end + found[0].length;
    if (found[0] === "$${") {
      parts.push("${");
      continue;
    }
    const read = parseVariable(text, at, depth);
    parts.push(read.variable);
    at = read.end;
  }
}

/** Reads what follows `${`, its `}` included. */
function parseVariable(
  text: string,
  from: number,
  depth: number,
): { readonly variable: Variable; readonly end: number } {
  const [name = ""] = /^[^|{}]*/.exec(text.slice(from, from + MAX_NAME)) ?? [];
  const behind = from + name.length;
  const next = text[behind];
  if (next !== "}" && next !== "|") throw new TemplateError(unfinished(text, from));
  if (name === "")
    throw new TemplateError("it has ${ without the name of a variable; write $${ for the text ${ itself");
  if (next === "}") return { variable: { name, fallback: undefined }, end: behind + 1 };
  if (depth === MAX_DEPTH) throw new TemplateError(`it has more than ${MAX_DEPTH} variables within each other`);
  const { template, end } = parse(text, behind + 1, depth + 1);
  if (text[end] !== "}") throw new TemplateError(unfinished(text, from));
  return { variable: { name, fallback: template }, end: end + 1 };
}

/** Characters of a name; longer ones are no variables that anything has. */
const MAX_NAME = 512;

function unfinished(text: string, from: number): string {
  return `the variable \${${text.slice(from, from + 20)} has no } behind it; write $\${ for the text \${ itself`;
}
