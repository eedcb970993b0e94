import type { Field, Query } from "./query.ts";

/** A condition with its parameters, bound by the database and never part of the text. */
export interface Condition {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, string | number | readonly string[]>>;
}

const COLUMN: Readonly<Record<Field, string>> = { host: "host", app: "app", file: "file", level: "level", tag: "tags" };

/** The query as a condition on the table of lines. */
export function condition(query: Query): Condition {
  const parts: string[] = [];
  const parameters: Record<string, string | number | readonly string[]> = {};
  const bind = (type: string, value: string | number | readonly string[]): string => {
    const name = `p${Object.keys(parameters).length}`;
    parameters[name] = value;
    return `{${name}:${type}}`;
  };
  if (query.from !== undefined) parts.push(`timestamp >= fromUnixTimestamp64Milli(${bind("Int64", query.from)})`);
  if (query.to !== undefined) parts.push(`timestamp < fromUnixTimestamp64Milli(${bind("Int64", query.to)})`);
  for (const { field, values, not } of query.fields) {
    const list = bind("Array(String)", values);
    const has = field === "tag" ? `hasAny(tags, ${list})` : `has(${list}, ${COLUMN[field]})`;
    parts.push(not ? `NOT ${has}` : has);
  }
  for (const text of query.contains) parts.push(`lower(line) LIKE ${bind("String", like(text))}`);
  for (const text of query.lacks) parts.push(`lower(line) NOT LIKE ${bind("String", like(text))}`);
  return { sql: parts.length === 0 ? "1" : parts.join(" AND "), parameters };
}

/** The pattern of texts that contain this one. */
function like(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;
}
