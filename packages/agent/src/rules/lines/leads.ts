import type { Pattern, SetPattern } from "../pattern.ts";
import { literalSource, utf8Bytes } from "./literals.ts";

/** More of them cost more to look for than they save. */
const MAX_LEADS = 16;

const FIRST_OF_TWO = 0xc2;
const FIRST_OF_THREE = 0xe0;
/** Characters beyond the basic plane begin with these. */
const LEADS_OF_FOUR = [0xf0, 0xf1, 0xf2, 0xf3, 0xf4];

/**
 * The first bytes in UTF-8 of all characters beyond ASCII that a pattern can take, but for those that `literalSource` writes out.
 * A text in which none of these bytes is has none of these characters.
 * @returns undefined where they are more than a few.
 */
export function leadsOf(pattern: Pattern): readonly number[] | undefined {
  const leads = new Set<number>();
  collect(pattern, leads);
  return leads.size <= MAX_LEADS ? [...leads] : undefined;
}

function collect(pattern: Pattern, leads: Set<number>): void {
  switch (pattern.kind) {
    case "set":
      if (literalSource(pattern, utf8Bytes) === undefined) for (const lead of leadsOfSet(pattern)) leads.add(lead);
      return;
    case "assertion":
      return;
    case "ahead":
    case "repeat":
      return collect(pattern.body, leads);
    case "sequence":
    case "choice":
      for (const part of pattern.parts) collect(part, leads);
  }
}

/** Sets that were looked at: expressions have the same few again and again. */
const known = new Map<string, readonly number[]>();
const MAX_KNOWN = 1000;

function leadsOfSet({ source, flags }: SetPattern): readonly number[] {
  const key = `${flags} ${source}`;
  let leads = known.get(key);
  if (leads === undefined) {
    const set = new RegExp(source, flags);
    byLead ??= charactersByLead();
    leads = [...byLead].flatMap(([lead, characters]) => (set.test(characters) ? [lead] : []));
    // Those are too many to be asked for. Where none is written, only what is named or negated can hold one.
    if (/[\ud800-\udfff^]|\\[pP]/.test(source)) leads = [...leads, ...LEADS_OF_FOUR];
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, leads);
  }
  return leads;
}

/** By their first byte the characters of two and of three bytes. */
let byLead: ReadonlyMap<number, string> | undefined;

function charactersByLead(): ReadonlyMap<number, string> {
  const all = new Map<number, string>();
  const add = (lead: number, first: number, count: number): void => {
    const codes = Array.from({ length: count }, (_, at) => first + at);
    all.set(lead, String.fromCharCode(...codes.filter((code) => code >= 0x80 && (code < 0xd800 || code > 0xdfff))));
  };
  for (let lead = FIRST_OF_TWO; lead < FIRST_OF_THREE; lead++) add(lead, (lead & 0x1f) << 6, 1 << 6);
  add(FIRST_OF_THREE, 0x800, 0x800);
  for (let lead = FIRST_OF_THREE + 1; lead < 0xf0; lead++) add(lead, (lead & 0xf) << 12, 1 << 12);
  return all;
}
