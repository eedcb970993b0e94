import { BODY_HEAD, BODY_TAIL } from "@logdna-agent/protocol";

/** One line of a body under the names of the LogDNA protocol, whatever the body calls them; a format may add more. */
export type BodyLine = Readonly<Record<string, unknown>>;

/** How the lines of a body are read back and written anew, for the rare body that a server refuses and that has to be cut. */
export interface BodyFormat {
  /** The lines of a body that was encoded in this format. */
  linesOf(body: string): BodyLine[];
  /** A body of these lines. */
  bodyOf(lines: readonly BodyLine[]): string;
}

/** The body of the LogDNA protocol. */
export const LOGDNA_FORMAT: BodyFormat = {
  linesOf: (body) => {
    const parsed: unknown = JSON.parse(body);
    const lines = isObject(parsed) && Array.isArray(parsed.lines) ? parsed.lines : [];
    return lines.filter(isObject);
  },
  bodyOf: (lines) => BODY_HEAD + lines.map((line) => JSON.stringify(line)).join(",") + BODY_TAIL,
};

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
