import { printableJson } from "../telemetry/printable.ts";

/** Data as indented JSON that is safe to show on a terminal. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2).split("\n").map(printableJson).join("\n")}\n`;
}
