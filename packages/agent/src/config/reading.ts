import type { RULE_OPTIONS } from "./line_rows.ts";
import type { OptionName } from "./options.ts";
import type { Problem } from "./problem.ts";

/** A text that was given for an option, and where it stands. */
export interface GivenText {
  readonly text: string;
  readonly where: string;
  /** What messages call an item of a list: `log.dirs[0]`; as the whole where it has no name of its own. */
  readonly title?: string;
}

/** What one place gives for one option. */
export interface Given<Name extends string = OptionName> {
  readonly option: Name;
  /** One text for an option with one value, any number for a list. */
  readonly texts: readonly GivenText[];
  readonly where: string;
  /** A list that replaces what lies under it; otherwise it adds to that. */
  readonly replaces: boolean;
  /** What cannot be read is a warning, not an error: the name is an old one, and may mean something else here. */
  readonly lenient: boolean;
  /** What messages call it, where that is not the name of its variable: in the YAML file its path there. */
  readonly title?: string;
}

/** An entry of `log.rules` as it was given. */
export interface GivenRule {
  /** `log.rules[0]`. */
  readonly title: string;
  readonly where: string;
  readonly given: readonly Given<keyof typeof RULE_OPTIONS>[];
  /** Something in it could not be read, which has been told. */
  readonly incomplete: boolean;
}

/** What one place gives. */
export interface Reading {
  readonly given: Given[];
  /** Entries of `log.rules`; undefined where there is no such list. */
  rules?: readonly GivenRule[];
  readonly problems: Problem[];
  readonly warnings: Problem[];
  /** What kind of file it is; undefined where there is none, or another place. */
  readonly form?: "properties" | "yaml";
  /** It could not be read as a whole, so what it does not give may be in it. */
  readonly isUnread?: boolean;
}

/** Largest file that is read as configuration, in characters. */
export const MAX_LENGTH = 256 * 1024;

/** Problems that are told of one file; a file with more of them is another kind of file. */
export const MAX_PROBLEMS = 100;

export function emptyReading(): Reading {
  return { given: [], problems: [], warnings: [] };
}
