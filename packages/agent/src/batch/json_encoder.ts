import type { Buffer } from "node:buffer";
import { BODY_HEAD, BODY_TAIL } from "@logdna-agent/protocol";
import { type BodyBufferOptions, BodyBuffers } from "./body_buffers.ts";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "./encoder.ts";
import { LineSuffix } from "./line_suffix.ts";
import { MARK, runText } from "./line_text.ts";

/** What each line begins with; its text follows as a string. */
export const LINE_HEAD = '{"line":';

export type JsonEncoderOptions = BodyBufferOptions;

/**
 * The encoder in plain TypeScript: bytes travel as a latin1 string, one character each, so that one `JSON.stringify` over
 * a whole run of lines escapes them all and never decodes them; they are UTF-8 again when written as latin1.
 *
 * Splitting into lines, escaping the array and replacing `","` would be inexact: a line that ends in `",` has these three
 * characters too. So the newlines become a character that JSON does not escape, and which lines do not hold.
 */
export class JsonEncoder implements BodyEncoder {
  readonly #options: JsonEncoderOptions;
  readonly #buffers: BodyBuffers;
  #body: Buffer;
  #size = 0;
  readonly #suffix = new LineSuffix();

  constructor(options: JsonEncoderOptions) {
    this.#options = options;
    this.#buffers = new BodyBuffers(options);
    this.#body = this.#buffers.take();
    this.#begin();
  }

  get empty(): boolean {
    return this.#size === BODY_HEAD.length;
  }

  add(run: Buffer, context: LineContext): EncodedRun | undefined {
    // Escaping makes nothing shorter: what is too long already need not be tried.
    if (this.#size + run.length > this.#options.maxBody && run.length > 1) return undefined;
    let text = runText(run);
    let emptyBytes = 0;
    if (context.single === true) {
      if (text === "") return { lines: 0, emptyBytes: run.length };
    } else if (text === "" || text.includes("\n\n") || text.startsWith("\n") || text.endsWith("\n")) {
      emptyBytes = emptyLineBytes(run);
      text = text.replaceAll(/\n{2,}/g, "\n").replaceAll(/^\n|\n$/g, "");
      if (text === "") return { lines: 0, emptyBytes };
    }
    const suffix = this.#suffix.for(context);
    const separator = `"${suffix},${LINE_HEAD}"`;
    const escaped = context.single === true ? { text: JSON.stringify(text), lines: 1 } : escapeLines(text, separator);
    const encoded = `${this.empty ? "" : ","}${LINE_HEAD}${escaped.text}${suffix}`;
    if (this.#size + encoded.length + BODY_TAIL.length > this.#options.maxBody) return undefined;
    this.#size += this.#body.write(encoded, this.#size, "latin1");
    return { lines: escaped.lines, emptyBytes };
  }

  finish(): Promise<EncodedBody> {
    const body = this.#body;
    const plainSize = this.#size + body.write(BODY_TAIL, this.#size, "latin1");
    this.#body = this.#buffers.take();
    this.#begin();
    return this.#buffers.seal(body, plainSize);
  }

  #begin(): void {
    this.#size = this.#body.write(BODY_HEAD, 0, "latin1");
  }
}

/** JSON strings of all lines, with `separator` (which begins with a closing and ends with an opening quote) in between. */
function escapeLines(text: string, separator: string): { text: string; lines: number } {
  if (text.includes(MARK)) {
    const lines = text.split("\n");
    const quoted = lines.map((line) => JSON.stringify(line));
    return { text: quoted.join(separator.slice(1, -1)), lines: lines.length };
  }
  const escaped = JSON.stringify(text.replaceAll("\n", MARK));
  // In what replaces a text, `$` begins a pattern. A function that returns it would cost several times as much.
  const separated = escaped.replaceAll(MARK, separator.includes("$") ? separator.replaceAll("$", "$$$$") : separator);
  return { text: separated, lines: 1 + (separated.length - escaped.length) / (separator.length - 1) };
}

/** Bytes of the empty lines of a run, their line ends included. */
function emptyLineBytes(run: Buffer): number {
  let bytes = 0;
  for (let from = 0; from < run.length; ) {
    const newline = run.indexOf(10, from);
    const to = newline < 0 ? run.length : newline + 1;
    const content = (newline < 0 ? to : newline) - from - (newline > from && run[newline - 1] === 13 ? 1 : 0);
    if (content === 0) bytes += to - from;
    from = to;
  }
  return bytes;
}
