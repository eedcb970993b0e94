import type { StoredLine } from "@logdna-agent/protocol";
import { type Field, lowerAscii, type Query } from "./query.ts";

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

function has(line: StoredLine, field: Field, values: ReadonlySet<string>): boolean {
  return field === "tag" ? line.tags.some((tag) => values.has(tag)) : values.has(line[field]);
}
