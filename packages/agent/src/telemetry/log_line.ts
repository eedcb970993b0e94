import type { LogLevel } from "./level.ts";
import { printable, printableJson } from "./printable.ts";

/** A line of the agent's own log before it is written down. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** SGR colour codes (ECMA-48, 8.3.117). */
const COLOURS: Readonly<Record<LogLevel, number>> = { trace: 90, debug: 36, info: 32, warn: 33, error: 31 };

/** For machines: one JSON object, closed by a newline. */
export function jsonLine({ time, level, event, message, fields }: LogLine): string {
  const record = { time: new Date(time).toISOString(), level, event, message, ...fields };
  return `${printableJson(JSON.stringify(record))}\n`;
}

/** For people: local time, level, message. */
export function terminalLine({ time, level, message }: LogLine): string {
  const at = new Date(time);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
  const milliseconds = String(at.getMilliseconds()).padStart(3, "0");
  return `\u001b[90m${clock}.${milliseconds}\u001b[0m \u001b[${COLOURS[level]}m${level.padEnd(5)}\u001b[0m ${printable(message)}\n`;
}
