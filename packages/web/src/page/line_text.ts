/**
 * The text of a line as something that is safe and honest to look at.
 *
 * Colours of terminals (ECMA-48 SGR sequences) become styles of a fixed set; every other escape sequence is left out; every other
 * character that a screen would hide or that would reorder the text is shown as a sign for itself.
 */

export interface Style {
  /** 0 to 7 as in a terminal, 8 to 15 for the bright ones. */
  readonly color?: number;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
}

/** A run of text in one style. */
export interface Run {
  readonly text: string;
  readonly style: Style | null;
}

/** Runs that a line may have before the rest of it is shown plain: a line of nothing but colours must not make 100,000 elements. */
const MAX_RUNS = 2000;

// CSI sequences; strings (OSC, DCS, SOS, PM, APC) up to their terminator, BEL, the next escape or the end; charset designations and two-character escapes.
const ESCAPES =
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]+[0-~]|\x1b[0-~]/g;

/** Letters and marks of scripts in which a joiner between two of them changes their shape, as a pattern. */
const JOINING = `(?=[\\p{L}\\p{M}])[${"Arab Syrc Nkoo Mong Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Khmr Mymr"
  .split(" ")
  .map((script) => `\\p{scx=${script}}`)
  .join("")}]`;

/** Joiners that join, between such letters or emoji. */
const JOINERS = String.raw`(?<=${JOINING})[\u200c\u200d](?=${JOINING})|(?<=[\p{ExtPict}\p{EMod}\ufe0f])\u200d(?=\p{ExtPict})`;

/** C0 except tab, DEL, C1, bidirectional controls, line separators, and characters without a width. */
const INVISIBLE = String.raw`[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]`;

const HIDDEN = new RegExp(`${JOINERS}|(${INVISIBLE})`, "gu");

/** Names of the C0 controls (ECMA-48), by code. */
const C0_NAMES =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(
    " ",
  );

/** The runs of a line's text. `breaks` keeps line feeds as such, for text that wraps. */
export function lineRuns(text: string, breaks = false): readonly Run[] {
  if (!/[\x1b\x80-\x9f]/.test(text)) return text === "" ? [] : [{ text: showHidden(text, breaks), style: null }];
  const runs: Run[] = [];
  let style: Style | null = null;
  let from = 0;
  let pending = "";
  const flush = (): void => {
    if (pending !== "") runs.push({ text: showHidden(pending, breaks), style });
    pending = "";
  };
  for (const match of text.matchAll(ESCAPES)) {
    pending += text.slice(from, match.index);
    from = match.index + match[0].length;
    if (match[2] !== "m" || !/^[0-9;:]*$/.test(match[1] ?? "")) continue;
    if (runs.length >= MAX_RUNS) continue;
    const next = applySgr(style, match[1] ?? "");
    if (sameStyle(next, style)) continue;
    flush();
    style = next;
  }
  pending += text.slice(from);
  flush();
  return runs;
}

/** The text of a line without escape sequences, hidden characters shown. */
export function plainText(text: string): string {
  return lineRuns(text)
    .map((run) => run.text)
    .join("");
}

function showHidden(text: string, breaks: boolean): string {
  return text.replace(HIDDEN, (char, invisible: string | undefined) => {
    const code = char.charCodeAt(0);
    if (invisible === undefined || (code === 0x0a && breaks)) return char;
    // Names rather than Unicode's pictures of them, which many fonts lack.
    return `⟨${C0_NAMES[code] ?? (code === 0x7f ? "DEL" : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`)}⟩`;
  });
}

function sameStyle(a: Style | null, b: Style | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Applies the parameters of one SGR sequence. Backgrounds are left out: text on them could be unreadable, or hidden on purpose. */
function applySgr(before: Style | null, params: string): Style | null {
  let style: { -readonly [K in keyof Style]: Style[K] } = { ...before };
  const codes = params.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) style = {};
    else if (code === 1) style = without(style, "dim", { bold: true });
    else if (code === 2) style = without(style, "bold", { dim: true });
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 7) style.inverse = true;
    else if (code === 22) style = without(without(style, "bold"), "dim");
    else if (code === 23) style = without(style, "italic");
    else if (code === 24) style = without(style, "underline");
    else if (code === 27) style = without(style, "inverse");
    else if (code >= 30 && code <= 37) style.color = code - 30;
    else if (code >= 90 && code <= 97) style.color = code - 82;
    else if (code === 39) style = without(style, "color");
    else if (code === 38 || code === 48) {
      const indexed = codes[i + 1] === 5;
      const color = indexed ? fromIndexed(codes[i + 2] ?? 0) : fromRgb(codes.slice(i + 2, i + 5));
      if (code === 38) style = color === undefined ? without(style, "color") : { ...style, color };
      i += indexed ? 2 : codes[i + 1] === 2 ? 4 : 1;
    }
  }
  return Object.keys(style).length === 0 ? null : style;
}

function without(style: Style, key: keyof Style, more: Style = {}): Style {
  const { [key]: _, ...rest } = style;
  return { ...rest, ...more };
}

/** The nearest of the sixteen colours for one of the 256; greys become the ordinary text colour. */
function fromIndexed(index: number): number | undefined {
  if (index < 16) return index;
  if (index >= 232) return undefined;
  const cube = index - 16;
  return fromRgb([Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51]);
}

function fromRgb(rgb: readonly number[]): number | undefined {
  const [red = 0, green = 0, blue = 0] = rgb;
  const most = Math.max(red, green, blue);
  if (most - Math.min(red, green, blue) < 40) return undefined;
  const has = (part: number): number => (part > most * 0.6 ? 1 : 0);
  const color = has(red) + 2 * has(green) + 4 * has(blue);
  return most > 200 ? color + 8 : color;
}
