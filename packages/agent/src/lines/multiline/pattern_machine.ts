import { Buffer } from "node:buffer";
import type { MultilineRule } from "../../config/line_options.ts";
import { rustMatcher } from "../../rules/rust_regex.ts";
import type { Machine, Step } from "./machine.ts";

const NOT_ASCII = /[^\0-\x7f]/;

/**
 * The machine of an operator's patterns. With `start` alone every line that does not match continues; with `continuation`
 * alone every line that matches does; with both, an event begins at `start` and goes on while lines match `continuation`.
 * @throws {RegexSyntaxError} telling what cannot be read, and where.
 */
export function patternMachine({ start, continuation }: MultilineRule): Machine | undefined {
  if (start === undefined && continuation === undefined) return undefined;
  const begins = start === undefined ? undefined : searcher(start);
  const continues = continuation === undefined ? undefined : searcher(continuation);
  const step: Step = {
    certain: true,
    next: (line) => {
      if (begins?.(line) === true) return undefined;
      return continues === undefined || continues(line) ? step : undefined;
    },
  };
  const isBeginning = continues === undefined ? undefined : begins;
  return { trigger: undefined, begin: (line) => (isBeginning?.(line) === false ? undefined : step) };
}

function searcher(pattern: string): (line: string) => boolean {
  // A line that is too long for it matches nothing, whatever was read before: so the same lines are always joined in the same way.
  const matcher = rustMatcher(pattern, false);
  return (line) => matcher.test(NOT_ASCII.test(line) ? Buffer.from(line, "latin1").toString() : line);
}
