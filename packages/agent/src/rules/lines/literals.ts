import { Buffer } from "node:buffer";
import type { Pattern, SetPattern } from "../pattern.ts";

/** Writes a character as JavaScript source without flags. */
export type Write = (character: string) => string;

/** Texts of which every match of a pattern has at least one, each as JavaScript source without flags. */
export interface Literals {
  readonly sources: readonly string[];
  /** Characters of the shortest: what is short is found in many lines. */
  readonly length: number;
}

/** More alternatives than these cost more than they save. */
const MAX_SOURCES = 32;

/** The best literals of a pattern; undefined where it requires none. */
export function requiredLiterals(pattern: Pattern, write: Write): Literals | undefined {
  switch (pattern.kind) {
    case "set": {
      const source = literalSource(pattern, write);
      return source === undefined ? undefined : { sources: [source], length: 1 };
    }
    case "assertion":
    case "ahead":
      return undefined;
    case "repeat":
      return pattern.min === 0 ? undefined : requiredLiterals(pattern.body, write);
    case "choice": {
      const parts = pattern.parts.map((part) => requiredLiterals(part, write)).filter((part) => part !== undefined);
      const sources = [...new Set(parts.flatMap((part) => part.sources))];
      if (parts.length < pattern.parts.length || sources.length > MAX_SOURCES) return undefined;
      return { sources, length: Math.min(...parts.map(({ length }) => length)) };
    }
    case "sequence":
      return bestOfSequence(flat(pattern.parts), write);
  }
}

/** The longest run of single characters, or what one part requires, whichever is longer. */
function bestOfSequence(parts: readonly Pattern[], write: Write): Literals | undefined {
  let best: Literals | undefined;
  let run: string[] = [];
  const offer = (literals: Literals | undefined): void => {
    if (literals === undefined) return;
    const longer = literals.length - (best?.length ?? 0);
    if (longer > 0 || (longer === 0 && literals.sources.length < (best?.sources.length ?? 0))) best = literals;
  };
  const endRun = (): void => {
    if (run.length > 0) offer({ sources: [run.join("")], length: run.length });
    run = [];
  };
  for (const part of parts) {
    const source = part.kind === "set" ? literalSource(part, write) : undefined;
    if (source !== undefined) run.push(source);
    // A condition takes no character: the run goes on behind it.
    else if (part.kind !== "assertion") {
      endRun();
      offer(requiredLiterals(part, write));
    }
  }
  endRun();
  return best;
}

/** Groups within a sequence are one sequence with it. */
function flat(parts: readonly Pattern[]): Pattern[] {
  return parts.flatMap((part) => (part.kind === "sequence" ? flat(part.parts) : [part]));
}

/** Letters of ASCII that Unicode folds with others: K with the Kelvin sign, s with the long s (CaseFolding.txt). */
const FOLDED_BEYOND_ASCII: Readonly<Record<string, string>> = { k: "\u212a", s: "\u017f" };

/** A single character as source; undefined for a set of several, or a letter that Unicode folds with unknown others. */
export function literalSource({ character, folded }: SetPattern, write: Write): string | undefined {
  if (character !== undefined) return write(character);
  if (folded === undefined || folded > "\x7f") return undefined;
  const lower = folded.toLowerCase();
  const upper = folded.toUpperCase();
  if (lower === upper) return write(folded);
  const beyond = FOLDED_BEYOND_ASCII[lower];
  const letters = `[${lower}${upper}]`;
  return beyond === undefined ? letters : `(?:${letters}|${write(beyond)})`;
}

/** As UTF-8 of which each byte is one character (latin1). */
export function utf8Bytes(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** As it is in a text of JavaScript. */
export function utf16Units(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");
}
