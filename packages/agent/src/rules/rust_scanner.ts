/** What is wrong with a regular expression, and where. */
export class RegexSyntaxError extends Error {
  override readonly name = "RegexSyntaxError";
}

/** Reads an expression from left to right. */
export interface Scanner {
  readonly done: boolean;
  /** Index of the next character, in UTF-16 units. */
  readonly position: number;
  /** The next character (a whole code point), empty at the end. */
  peek(): string;
  next(): string;
  /** Takes this text if it comes next. */
  take(text: string): boolean;
  /** Takes what a sticky expression matches here, if it does. */
  takeMatch(sticky: RegExp): RegExpExecArray | undefined;
  /** An error that tells the place, counted in characters from 1; here unless another index is given. */
  error(message: string, at?: number): RegexSyntaxError;
}

export function scannerOf(pattern: string): Scanner {
  let position = 0;
  const peek = (): string => {
    const code = pattern.codePointAt(position);
    return code === undefined ? "" : String.fromCodePoint(code);
  };
  return {
    get done() {
      return position >= pattern.length;
    },
    get position() {
      return position;
    },
    peek,
    next() {
      const character = peek();
      position += character.length;
      return character;
    },
    take(text) {
      if (!pattern.startsWith(text, position)) return false;
      position += text.length;
      return true;
    },
    takeMatch(sticky) {
      sticky.lastIndex = position;
      const match = sticky.exec(pattern);
      if (match === null) return undefined;
      position += match[0].length;
      return match;
    },
    error(message, at = position) {
      return new RegexSyntaxError(`${message} (at character ${[...pattern.slice(0, at)].length + 1})`);
    },
  };
}
