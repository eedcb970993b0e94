/** A part of a text, in characters from its beginning; the end is the first one behind it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Knows one kind of data. Whoever may write to a log chooses the text, so a search must take time in proportion to what it
 * passes: what it looks at in front of and behind a place is bounded, or is passed once.
 */
export interface Finder {
  /**
   * The first region that begins at `from` or behind it, and the longest there; undefined where there is none. Characters in
   * front of `from` are looked at only to tell whether a word begins there.
   */
  find(text: string, from: number): Span | undefined;
  /** What two ways of writing the same value have in common: this is what is hashed. */
  normalise(value: string): string;
  /** The value with only those characters that may be seen; undefined where none may. */
  partial(value: string): string | undefined;
}
