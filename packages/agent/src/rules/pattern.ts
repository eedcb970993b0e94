/**
 * A regular expression as a tree: what expressions and globs are read into, and what matchers are made from. It has no
 * back-references and no groups to be asked for, so each one is a regular language in the strict sense.
 */
export type Pattern = SetPattern | AssertionPattern | AheadPattern | SequencePattern | ChoicePattern | RepeatPattern;

interface Measured {
  /** Instructions that it takes at most with its repetitions written out, at least 1. */
  readonly size: number;
  /** Nodes above each other. */
  readonly height: number;
}

/** One character out of a set. */
export interface SetPattern extends Measured {
  readonly kind: "set";
  /** JavaScript source that stands for one character. */
  readonly source: string;
  /** Flags that the source is written for: `v`, `iv`, or none where a character is a UTF-16 unit. */
  readonly flags: string;
  /** The character, where the set is that one alone. */
  readonly character: string | undefined;
  /** The character, where the set is that one in every case that it has. */
  readonly folded?: string | undefined;
}

/** What can hold between two characters. `not` and `half` as in docs.rs/regex, "Empty matches". */
export type Assertion =
  | "textStart"
  | "textEnd"
  | "lineStart"
  | "lineEnd"
  | `${"word" | "asciiWord"}${"Edge" | "NoEdge" | "Start" | "End" | "StartHalf" | "EndHalf"}`;

interface AssertionPattern extends Measured {
  readonly kind: "assertion";
  readonly assertion: Assertion;
}

/** What must follow, or must not, without being taken. Only globs are read into this. */
interface AheadPattern extends Measured {
  readonly kind: "ahead";
  readonly negated: boolean;
  readonly body: Pattern;
}

interface SequencePattern extends Measured {
  readonly kind: "sequence";
  readonly parts: readonly Pattern[];
}

interface ChoicePattern extends Measured {
  readonly kind: "choice";
  readonly parts: readonly Pattern[];
}

export interface RepeatPattern extends Measured {
  readonly kind: "repeat";
  readonly body: Pattern;
  readonly min: number;
  /** Infinity where there is no bound. */
  readonly max: number;
  readonly lazy: boolean;
}

/**
 * Largest pattern, in instructions. The work for a text is at most its length times this, whatever the text is; Rust's
 * crate has a bound of the same order (10 MiB of program).
 */
export const MAX_SIZE = 20_000;

/** Most nodes above each other, so that what walks a tree does not run out of stack. */
export const MAX_HEIGHT = 1000;

export function setOf(source: string, flags: string, character?: string, folded?: string): SetPattern {
  return { kind: "set", source, flags, character, folded, size: 1, height: 1 };
}

export function assertionOf(assertion: Assertion): Pattern {
  return { kind: "assertion", assertion, size: 1, height: 1 };
}

export function aheadOf(body: Pattern, negated: boolean): Pattern {
  return { kind: "ahead", negated, body, size: body.size + 2, height: body.height + 1 };
}

export function sequenceOf(parts: readonly Pattern[]): Pattern {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return { kind: "sequence", parts, size: sizeOf(parts), height: heightOf(parts) };
}

export function choiceOf(parts: readonly Pattern[]): Pattern {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return { kind: "choice", parts, size: sizeOf(parts) + parts.length, height: heightOf(parts) };
}

export function repeatOf(body: Pattern, min: number, max: number, lazy: boolean): Pattern {
  const copies = max === Number.POSITIVE_INFINITY ? Math.max(min, 1) : max;
  return { kind: "repeat", body, min, max, lazy, size: copies * (body.size + 1) + 1, height: body.height + 1 };
}

function sizeOf(parts: readonly Pattern[]): number {
  return parts.reduce((sum, part) => sum + part.size, 1);
}

function heightOf(parts: readonly Pattern[]): number {
  return parts.reduce((height, part) => Math.max(height, part.height), 0) + 1;
}

/** Whether a pattern may match without taking a character. */
export function mayBeEmpty(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "set":
      return false;
    case "assertion":
    case "ahead":
      return true;
    case "sequence":
      return pattern.parts.every(mayBeEmpty);
    case "choice":
      return pattern.parts.some(mayBeEmpty);
    case "repeat":
      return pattern.min === 0 || mayBeEmpty(pattern.body);
  }
}
