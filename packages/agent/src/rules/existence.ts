import { choiceOf, type Pattern, repeatOf, sequenceOf } from "./pattern.ts";

/**
 * A simpler pattern that is found in the same texts, though not at the same places: what is repeated at either end of a pattern
 * need not be there more often than it must be. So `.*=.*` is found where `=` is, and `(a+)+$` where `a$` is.
 */
export function foundAlike(pattern: Pattern): Pattern {
  return trimmed(trimmed(pattern, "end"), "start");
}

function trimmed(pattern: Pattern, side: "start" | "end"): Pattern {
  switch (pattern.kind) {
    case "set":
    case "assertion":
    case "ahead":
      return pattern;
    case "choice":
      return choiceOf(pattern.parts.map((part) => trimmed(part, side)));
    case "sequence": {
      const parts = [...pattern.parts];
      while (parts.length > 0) {
        const at = side === "start" ? 0 : parts.length - 1;
        const outermost = parts[at] ?? NOTHING;
        const part = trimmed(outermost, side);
        if (!isNothing(part)) {
          parts[at] = part;
          break;
        }
        parts.splice(at, 1);
      }
      return sequenceOf(parts);
    }
    case "repeat": {
      const { body, min, lazy } = pattern;
      if (min === 0) return NOTHING;
      return min === 1 ? trimmed(body, side) : repeatOf(body, min, min, lazy);
    }
  }
}

const NOTHING = sequenceOf([]);

function isNothing(pattern: Pattern): boolean {
  return pattern.kind === "sequence" && pattern.parts.length === 0;
}
