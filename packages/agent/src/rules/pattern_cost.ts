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

/** Steps that backtracking takes at each place of a text at most; infinite where that depends on the text. */
export function backtrackingSteps(pattern: Pattern): number {
  return costOf(pattern).steps;
}

function costOf(pattern: Pattern): Cost {
  switch (pattern.kind) {
    case "set":
      return { steps: 1, ways: 1 };
    case "assertion":
      // Word boundaries look at both sides, in two ways.
      return { steps: 4, ways: 1 };
    case "ahead":
      return { steps: costOf(pattern.body).steps, ways: 1 };
    case "sequence":
      return pattern.parts.map(costOf).reduce(followed, { steps: 0, ways: 1 });
    case "choice":
      return pattern.parts.map(costOf).reduce(either, { steps: 0, ways: 0 });
    case "repeat":
      return repeated(costOf(pattern.body), pattern.min, pattern.max);
  }
}

function followed(first: Cost, second: Cost): Cost {
  return { steps: first.steps + first.ways * second.steps, ways: first.ways * second.ways };
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
