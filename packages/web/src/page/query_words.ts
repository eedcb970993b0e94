/**
 * The words of a query that a matching line contains, for marking them in its text: words and quoted phrases, without
 * `-word` and without terms such as `host:x`.
 */
export function queryWords(q: string): readonly string[] {
  const words = new Set<string>();
  for (const match of q.matchAll(/(-?)(?:"([^"]*)"?|((?:[^\s"]|(?<=:)"[^"]*"?)+))/g)) {
    const [, minus, phrase, word] = match;
    if (minus === "-") continue;
    if (word !== undefined && /^(?:host|app|file|level|env|tag):/i.test(word)) continue;
    const text = phrase ?? word ?? "";
    if (text !== "") words.add(text);
  }
  return [...words];
}

/** Where the words occur in a text, without regard to case: ranges that neither overlap nor touch, at most `limit`. */
export function findWords(
  text: string,
  words: readonly string[],
  limit: number,
): readonly (readonly [from: number, to: number])[] {
  if (words.length === 0) return [];
  // Longest first, so that of words that begin alike the longer one is marked.
  const alternatives = words.toSorted((a, b) => b.length - a.length).map((word) => RegExp.escape(word));
  const pattern = new RegExp(alternatives.join("|"), "giu");
  const found: [number, number][] = [];
  for (const match of text.matchAll(pattern)) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === match.index) last[1] += match[0].length;
    else if (found.length === limit) break;
    else found.push([match.index, match.index + match[0].length]);
  }
  return found;
}
