import { standsAlone } from "./boundary.ts";
import type { Finder } from "./finder.ts";

const LENGTH = 11;
const CANDIDATE = /\d{3}(?:-\d{2}-|[ ]\d{2}[ ])\d{4}/g;
/** Areas, groups and serial numbers that are never given: Social Security Administration, POMS RM 10201.035. */
const NEVER = /^(?:000|666|9)|^....00|0000$/;
/** What has to be in front of a number whose separators are spaces: three numbers in a row may be anything. */
const CONTEXT = /(?:ssn|social[ _-]?security)[^\n]*$/i;
const CONTEXT_LENGTH = 40;

/** Social security numbers of the USA, with hyphens; with spaces, where the text in front of it names it. */
export const usSsn: Finder = {
  find(text, from) {
    CANDIDATE.lastIndex = from;
    while (CANDIDATE.test(text)) {
      const end = CANDIDATE.lastIndex;
      const start = end - LENGTH;
      const value = text.slice(start, end);
      const named = value[3] === "-" || CONTEXT.test(text.slice(Math.max(0, start - CONTEXT_LENGTH), start));
      if (named && !NEVER.test(value) && standsAlone(text, start, end)) return { start, end };
      CANDIDATE.lastIndex = start + 1;
    }
    return undefined;
  },
  normalise: (value) => value.replaceAll(/[^0-9]/g, ""),
  partial: (value) => `***-**-${value.slice(-4)}`,
};
