import type { Buffer } from "node:buffer";
import { REDACTION_PRESETS, type RedactionPreset, type RedactionStyle } from "../../config/line_options.ts";
import { awsKeyId, awsSecret } from "./aws_key.ts";
import { bearerToken } from "./bearer_token.ts";
import { creditCard, groupedCreditCard } from "./credit_card.ts";
import { email, encodedEmail } from "./email.ts";
import type { Finder, Span } from "./finder.ts";
import { ipv4 } from "./ipv4.ts";
import { ipv6 } from "./ipv6.ts";
import { jwt } from "./jwt.ts";
import { encodedPhone, escapedPhone, phone, plusPhone } from "./phone.ts";
import { replacementOf } from "./replacement.ts";
import { afterEdits, type Edit, type TracedSpan, type TracedText } from "./traced.ts";
import { usSsn } from "./us_ssn.ts";

export interface RedactorOptions {
  readonly presets: readonly RedactionPreset[];
  readonly style: RedactionStyle;
  /** The key of the hashes; not used by the other styles. */
  readonly salt: Buffer;
}

/** Replaces personal and secret data. */
export interface Redactor {
  /**
   * The text with every region replaced; undefined where nothing was found. One line or several: no region goes over a newline.
   * @param text bytes of UTF-8 as characters of latin1 (see `runText`), and so is what is returned.
   */
  redact(text: string): string | undefined;
  /**
   * The same text as `redact` gives, with what was put into it.
   * @param earlier what was put into the text before; where a region covers it, both are one.
   */
  trace(text: string, earlier: readonly TracedSpan[]): TracedText;
  /**
   * Where regions begin, for whoever looks at a text of many lines: to be asked from left to right, and searches nothing twice.
   * @returns the first place that is not before the given one, or Infinity.
   */
  places(text: string): (from: number) => number;
}

/**
 * Signs that keep a region apart from what is beside it, in front of it and behind it. Where there are others, as in
 * `10.0.0.1-4111111111111111`, a second look is taken when the region is gone, so that nothing is found in what was redacted.
 */
const APART_BEFORE = new Set(" \t\n\"'([{=<>,;&|");
const APART_AFTER = new Set(" \t\n\"')]}<>,;&|\\");
/** Looks at one text. More than three are hardly needed; a bound keeps the time in proportion to the text. */
const MAX_PASSES = 8;

/** Each finder has a place of its own in the text, so that none passes a part of it twice. */
const FINDERS: Readonly<Record<RedactionPreset, readonly Finder[]>> = {
  email: [email, encodedEmail],
  credit_card: [creditCard, groupedCreditCard],
  us_ssn: [usSsn],
  ipv4: [ipv4],
  ipv6: [ipv6],
  phone: [plusPhone, encodedPhone, escapedPhone, phone],
  jwt: [jwt],
  aws_key: [awsKeyId, awsSecret],
  bearer_token: [bearerToken],
};

/**
 * A redactor of the named kinds of data. Where regions of several kinds overlap, the leftmost is replaced, of those the longest,
 * of those the one whose kind is first in `REDACTION_PRESETS`; what overlaps it is looked for again behind it. Takes time in
 * proportion to the text, whatever is in it.
 */
export function createRedactor({ presets, style, salt }: RedactorOptions): Redactor {
  const replace = replacementOf(style, salt);
  const kinds = REDACTION_PRESETS.filter((preset) => presets.includes(preset)).flatMap((preset) =>
    FINDERS[preset].map((finder) => ({ preset, finder, replace: (value: string) => replace(preset, finder, value) })),
  );
  const redact = (text: string, onPass?: (edits: readonly Edit[]) => void): string => {
    let redacted = text;
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const found = firstRegions(redacted, kinds);
      if (found === undefined) break;
      const edits: Edit[] | undefined = onPass && [];
      const replaced = replaceAll(redacted, found, edits);
      redacted = replaced.text;
      if (edits !== undefined) onPass?.(edits);
      if (!replaced.joined) break;
    }
    return redacted;
  };
  return {
    redact(text) {
      const redacted = redact(text);
      return redacted === text ? undefined : redacted;
    },
    trace(text, earlier) {
      let spans = earlier;
      const redacted = redact(text, (edits) => {
        spans = afterEdits(spans, edits);
      });
      return { text: redacted, spans };
    },
    places(text) {
      const next = kinds.map(({ finder }) => ({ finder, at: -1 }));
      return (from) => {
        let first = Number.POSITIVE_INFINITY;
        for (const one of next) {
          if (one.at < from) one.at = one.finder.find(text, from)?.start ?? Number.POSITIVE_INFINITY;
          first = Math.min(first, one.at);
        }
        return first;
      };
    },
  };
}

interface Kind {
  readonly preset: RedactionPreset;
  readonly finder: Finder;
  readonly replace: (value: string) => string;
}

/** The next region of a kind that was not passed yet. */
interface Pending extends Kind {
  span: Span | undefined;
}

function firstRegions(text: string, kinds: readonly Kind[]): Pending[] | undefined {
  let found: Pending[] | undefined;
  for (const kind of kinds) {
    const span = kind.finder.find(text, 0);
    if (span === undefined) continue;
    found ??= [];
    found.push({ ...kind, span });
  }
  return found;
}

/** @param edits where it is noted what was replaced. */
function replaceAll(
  text: string,
  pending: readonly Pending[],
  edits: Edit[] | undefined,
): { text: string; joined: boolean } {
  let out = "";
  let done = 0;
  let joined = false;
  for (let next = firstOf(pending); next !== undefined; next = firstOf(pending)) {
    const { start, end } = next.span;
    const replacement = next.replace(text.slice(start, end));
    out += text.slice(done, start) + replacement;
    edits?.push({ start, end, length: replacement.length, by: next.preset });
    joined ||= isJoined(text, start, end);
    done = end;
    for (const one of pending)
      if (one.span !== undefined && one.span.start < done) one.span = one.finder.find(text, done);
  }
  return { text: out + text.slice(done), joined };
}

/** Whether what is beside a region may have been no region of its own because of it. */
function isJoined(text: string, start: number, end: number): boolean {
  const before = text[start - 1];
  const after = text[end];
  // "version" in front of a number makes it none.
  const named = text[end - 1] === "n" || text[end - 1] === "N";
  if (before !== undefined && !APART_BEFORE.has(before)) return true;
  if (after === undefined) return false;
  // A port, but not two colons, which an address may begin with.
  return named || !(APART_AFTER.has(after) || (after === ":" && text[end + 1] !== ":"));
}

function firstOf(pending: readonly Pending[]): (Pending & { span: Span }) | undefined {
  let first: (Pending & { span: Span }) | undefined;
  for (const one of pending) if (hasSpan(one) && (first === undefined || precedes(one.span, first.span))) first = one;
  return first;
}

function hasSpan(one: Pending): one is Pending & { span: Span } {
  return one.span !== undefined;
}

function precedes(one: Span, other: Span): boolean {
  return one.start < other.start || (one.start === other.start && one.end > other.end);
}
