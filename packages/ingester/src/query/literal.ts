/** A value that stands in a statement. */
export type Value = string | number | readonly string[];

/**
 * A value as ClickHouse writes it in SQL. The embedded engine runs statements with bound parameters one after the other,
 * however many connections there are; a statement that is text alone runs at once.
 * @throws {RangeError} for a number that is no safe integer.
 */
export function literal(value: Value): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no safe integer.`);
    return String(value);
  }
  return `[${value.map(quoted).join(", ")}]`;
}

/** Backslash and quote end or change a literal; control characters are escaped as some programs in between end a text at them. */
function quoted(text: string): string {
  const escaped = text
    .toWellFormed()
    .replaceAll(/[\\'\u0000-\u001f\u007f]/g, (character) =>
      character === "\\" || character === "'"
        ? `\\${character}`
        : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
  return `'${escaped}'`;
}

/** Milliseconds since the epoch as the store's columns of time hold them. */
export function timeLiteral(ms: number): string {
  return `fromUnixTimestamp64Milli(toInt64(${literal(ms)}))`;
}
