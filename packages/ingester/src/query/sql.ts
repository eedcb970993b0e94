import { literal, timeLiteral } from "./literal.ts";
import type { Field, Query } from "./query.ts";

/** The columns of the fields. */
export const COLUMN = {
  host: "host",
  app: "app",
  file: "file",
  level: "level",
  env: "env",
  tag: "tags",
} as const satisfies Record<Field, string>;

/** The query as a condition on the table of lines. */
export function condition(query: Query): string {
  const parts: string[] = [];
  if (query.from !== undefined) parts.push(`timestamp >= ${timeLiteral(query.from)}`);
  if (query.to !== undefined) parts.push(`timestamp < ${timeLiteral(query.to)}`);
  if (query.receivedFrom !== undefined) parts.push(`received >= ${timeLiteral(query.receivedFrom)}`);
  for (const { field, values, not } of query.fields) {
    const list = literal(values);
    const value = field === "stream" ? "JSONExtractString(meta, 'stream')" : COLUMN[field];
    const has = field === "tag" ? `hasAny(tags, ${list})` : `has(${list}, ${value})`;
    parts.push(not ? `NOT ${has}` : has);
  }
  for (const text of query.contains) parts.push(`lower(line) LIKE ${literal(like(text))}`);
  for (const text of query.lacks) parts.push(`lower(line) NOT LIKE ${literal(like(text))}`);
  return parts.length === 0 ? "1" : parts.join(" AND ");
}

/** The pattern of texts that contain this one. */
function like(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;
}
