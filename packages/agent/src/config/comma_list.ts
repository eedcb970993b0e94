/**
 * The items of a text with commas. A comma that belongs to an item is written `\u002C` or `\,`, as in the existing
 * agents; white space around items, and empty items, mean nothing.
 */
export function commaList(text: string): string[] {
  return text
    .split(/(?<!\\),/)
    .map((item) =>
      item
        .replaceAll("\\,", ",")
        .replaceAll(/\\u002c/gi, ",")
        .trim(),
    )
    .filter((item) => item !== "");
}
