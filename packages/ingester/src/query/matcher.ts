import type { StoredLine } from "@logdna-agent/protocol";
import { lowerAscii, type Query, type TermField } from "./query.ts";

/** Makes the test of whether a line fits a query, for lines that do not come from the store. */
export function matcher(query: Query): (line: StoredLine) => boolean {
  const { contains, lacks, fields, from, to, receivedFrom } = query;
  const sets = fields.map(({ field, values, not }) => ({ field, values: new Set(values), not }));
  const looksAtText = contains.length > 0 || lacks.length > 0;
  return (line) => {
    if (from !== undefined && line.timestamp < from) return false;
    if (to !== undefined && line.timestamp >= to) return false;
    if (receivedFrom !== undefined && line.received < receivedFrom) return false;
    for (const { field, values, not } of sets) if (has(line, field, values) === not) return false;
    if (!looksAtText) return true;
    const text = lowerAscii(line.line);
    return contains.every((part) => text.includes(part)) && !lacks.some((part) => text.includes(part));
  };
}

function has(line: StoredLine, field: TermField, values: ReadonlySet<string>): boolean {
  if (field === "stream") return values.has(streamIn(line.meta));
  return field === "tag" ? line.tags.some((tag) => values.has(tag)) : values.has(line[field]);
}

/** The stream of a container's line, as the store finds it; empty where there is none. */
function streamIn(meta: string): string {
  if (!meta.includes('"stream"')) return "";
  const parsed: unknown = JSON.parse(meta);
  const stream = typeof parsed === "object" && parsed !== null && "stream" in parsed ? parsed.stream : undefined;
  return typeof stream === "string" ? stream : "";
}
