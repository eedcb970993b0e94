import type { Pattern } from "./pattern.ts";

/** What a backtracking search does at one place of a text, at most. */
interface Cost {
  /** Characters and conditions that are looked at, in all ways together. */
  readonly steps: number;
  /** Ways in which the pattern can match there, each of which is tried when what follows does not match. */
  readonly ways: number;
}

/** Steps at each place of a text that backtracking may take; a millionfold, for a line of 1 MB, is still below a second. */
const MAX_STEPS = 100;

/**
 * Whether backtracking takes at most 100 steps at each place of any text. That is so only for patterns that take a bounded
 * number of characters: with `x*` in it a search can run to the end of the text from each place, which is quadratic at
 * best. A false answer says nothing.
 */
export function isCheapToBacktrack(pattern: Pattern): boolean {
  return backtrackingSteps(pattern) <= MAX_STEPS;
}

/**
 * Whether that is so but for the characters that a repetition at the pattern's end takes: with these there is a match, and the
 * next one is looked for behind it. So to find all matches takes linear time.
 */
export function isCheapToFind(pattern: Pattern): boolean {
  return costOf(pattern, "end").steps <= MAX_STEPS;
}

/** Steps that backtracking takes at each place of a text at most; infinite where that depends on the text. */
export function backtrackingSteps(pattern: Pattern): number {
  return costOf(pattern, []).steps;
}

/** Characters one of which comes next unless the pattern ends; undefined where others can. At the end nothing can fail any more. */
type Following = readonly string[] | "end" | undefined;

function costOf(pattern: Pattern, following: Following): Cost {
  switch (pattern.kind) {
    case "set":
      return { steps: 1, ways: 1 };
    case "assertion":
      // Word boundaries look at both sides, in two ways.
      return { steps: 4, ways: 1 };
    case "ahead":
      return { steps: costOf(pattern.body, undefined).steps, ways: 1 };
    case "sequence": {
      const { parts } = pattern;
      const costs = parts.map((part, at) => costOf(part, at + 1 < parts.length ? firstsOf(parts[at + 1]) : following));
      return costs.reduce(followed, { steps: 0, ways: 1 });
    }
    case "choice":
      return pattern.parts.map((part) => costOf(part, following)).reduce(either, { steps: 0, ways: 0 });
    case "repeat": {
      const { body, min, max } = pattern;
      if (following === "end" && body.kind === "set") return { steps: 2 * Math.min(min, MAX_STEPS) + 1, ways: 1 };
      // What was taken is not what must follow: with less of it there is no way on, which one step shows.
      if (max <= MAX_STEPS && isApart(body, following)) return { steps: 2 * max + 1, ways: 1 };
      const again = firstsOf(body);
      const next =
        max <= 1 ? following : following === "end" ? undefined : again && following && [...again, ...following];
      return repeated(costOf(body, next), min, max);
    }
  }
}

/** Whether a pattern is one character out of a set that has none of those that follow. */
function isApart(pattern: Pattern, following: Following): boolean {
  if (pattern.kind !== "set" || following === undefined || following === "end" || following.length === 0) return false;
  const set = new RegExp(`^(?:${pattern.source})$`, pattern.flags);
  return !following.some((character) => set.test(character));
}

/** The characters that a pattern can begin with, where it takes any and they are few. */
function firstsOf(pattern: Pattern | undefined): readonly string[] | undefined {
  switch (pattern?.kind) {
    case "set":
      return pattern.character === undefined ? undefined : [pattern.character];
    case "sequence":
      return firstsOf(pattern.parts[0]);
    case "repeat":
      return pattern.min > 0 ? firstsOf(pattern.body) : undefined;
    case "choice": {
      const firsts = pattern.parts.map(firstsOf);
      return firsts.every((first) => first !== undefined) ? firsts.flat() : undefined;
    }
    default:
      return undefined;
  }
}

function followed(first: Cost, second: Cost): Cost {
  // What is empty takes a step, too: without end as often, none would be no number.
  return { steps: first.steps + first.ways * Math.max(second.steps, 1), ways: first.ways * Math.max(second.ways, 1) };
}

function either(first: Cost, second: Cost): Cost {
  return { steps: first.steps + second.steps, ways: first.ways + second.ways };
}

function repeated(body: Cost, min: number, max: number): Cost {
  // A bound of 100 copies is enough: each has a step.
  if (max > MAX_STEPS) return { steps: Number.POSITIVE_INFINITY, ways: Number.POSITIVE_INFINITY };
  const once = { steps: Math.max(body.steps, 1), ways: Math.max(body.ways, 1) };
  let copies: Cost = { steps: 1, ways: 1 };
  let all: Cost = { steps: 0, ways: 0 };
  for (let count = 0; count <= max; count++) {
    if (count >= min) all = either(all, copies);
    copies = followed(copies, once);
  }
  return all;
}
