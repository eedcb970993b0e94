import type { StoredLine } from "@logdna-agent/protocol";

/** SGR colours of levels (ECMA-48, 8.3.117). */
const COLOURS: ReadonlyMap<string, number> = new Map(
  Object.entries({ trace: 90, debug: 90, info: 32, warn: 33, error: 31, fatal: 35 }),
);

/** Everything that could act on a terminal: control characters, and marks that change the direction of text. */
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A line as a terminal shows it: local time, host, app or file, level, text. */
export function lineText(line: StoredLine, colours: boolean): string {
  const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const time = new Date(line.timestamp);
  const local = new Date(line.timestamp - time.getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, -1)
    .replace("T", " ");
  const level = line.level === "" ? "     " : line.level.padEnd(5).slice(0, 5);
  const origin = line.app === "" ? line.file : line.app;
  const parts = [
    paint(90, local),
    safe(line.host),
    paint(36, safe(origin)),
    paint(COLOURS.get(line.level) ?? 37, safe(level)),
  ];
  return `${parts.join(" ")} ${safe(line.line)}\n`;
}

function safe(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
  });
}
