import type { LineFilter } from "@logdna-agent/protocol";
import { normalLevel } from "../receive/level.ts";

/** Fields that a filter can ask for, by the names that they have in the store. */
export const FIELDS = ["host", "app", "file", "level", "env", "tag"] as const;
export type Field = (typeof FIELDS)[number];
/** Those that a term can ask for; `stream` is that of a container, `stdout` or `stderr`, in `meta`. */
const TERM_FIELDS = [...FIELDS, "stream"] as const;
export type TermField = (typeof TERM_FIELDS)[number];

/** A filter as both back ends take it: the SQL of the store and the matcher of the live tail. Everything must hold. */
export interface Query {
  /** Lower-case texts that the line must contain. */
  readonly contains: readonly string[];
  /** Lower-case texts that the line must not contain. */
  readonly lacks: readonly string[];
  /** Any one of the values of each field. */
  readonly fields: readonly { readonly field: TermField; readonly values: readonly string[]; readonly not: boolean }[];
  /** Inclusive, milliseconds since the epoch. */
  readonly from: number | undefined;
  /** Exclusive, milliseconds since the epoch. */
  readonly to: number | undefined;
  /** The time of arrival; inclusive, milliseconds since the epoch. */
  readonly receivedFrom: number | undefined;
}

/**
 * Reads a filter. `q` holds words and "quoted phrases" that must all occur, `-` before one that must not, and
 * `field:value` terms, where within quotes `\"` and `\\` stand for a quote and a
 * backslash; several terms of one field mean any of their values.
 */
export function readQuery(filter: LineFilter): Query {
  const contains: string[] = [];
  const lacks: string[] = [];
  const wanted = new Map<TermField, string[]>();
  const unwanted = new Map<TermField, string[]>();
  for (const { text, field, not } of terms(filter.q ?? "")) {
    if (field === undefined) (not ? lacks : contains).push(lowerAscii(text));
    else append(not ? unwanted : wanted, field, text);
  }
  for (const field of FIELDS) for (const value of filter[field] ?? []) append(wanted, field, value);
  const fields = [
    ...Array.from(wanted, ([field, values]) => ({ field, values, not: false })),
    ...Array.from(unwanted, ([field, values]) => ({ field, values, not: true })),
  ];
  return { contains, lacks, fields, from: filter.from, to: filter.to, receivedFrom: filter.receivedFrom };
}

/** Lower case of A to Z alone: what the store's index and the matcher both do, whatever the language of a line. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

interface Term {
  readonly text: string;
  readonly field: TermField | undefined;
  readonly not: boolean;
}

const TERM = /(-)?(?:(host|app|file|level|env|tag|stream):)?(?:"((?:[^"\\]|\\(?:.|$))*)"?|(\S+))/gs;

function terms(q: string): Term[] {
  const found: Term[] = [];
  for (const [, minus, field, quoted, word] of q.matchAll(TERM)) {
    const text = quoted === undefined ? (word ?? "") : quoted.replaceAll(/\\(["\\])/g, "$1");
    if (text === "") continue;
    found.push({ text, field: TERM_FIELDS.find((name) => name === field), not: minus !== undefined });
  }
  return found;
}

function append(map: Map<TermField, string[]>, field: TermField, value: string): void {
  const values = map.get(field) ?? [];
  // Levels are kept under one name each, and may be asked for under any.
  values.push(field === "level" ? normalLevel(value) : value);
  map.set(field, values);
}
