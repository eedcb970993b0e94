/**
 * Characters that could act on a terminal or mislead a reader: C0 and C1 controls, DEL, line and paragraph separators,
 * and the marks that change the direction of text (Unicode TR 36, "bidirectional text spoofing"); unpaired surrogates
 * have no encoding at all. A file name may hold any of them.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/** The text with each character that is not safe to show written as `\xNN` or `\uNNNN`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** The same for JSON text, where the escape is JSON's own; what JSON escapes already is left alone. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
