import type { OptionName } from "./options.ts";
import type { Problem } from "./problem.ts";

/** A text that was given for an option, and where it stands. */
export interface GivenText {
  readonly text: string;
  readonly where: string;
}

/** What one place gives for one option. */
export interface Given {
  readonly option: OptionName;
  /** One text for an option with one value, any number for a list. */
  readonly texts: readonly GivenText[];
  readonly where: string;
  /** A list that replaces what lies under it; otherwise it adds to that. */
  readonly replaces: boolean;
  /** What cannot be read is a warning, not an error: the name is an old one, and may mean something else here. */
  readonly lenient: boolean;
}

/** What one place gives. */
export interface Reading {
  readonly given: Given[];
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

export function emptyReading(): Reading {
  return { given: [], problems: [], warnings: [] };
}
