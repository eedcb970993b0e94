import { Buffer } from "node:buffer";
import { type BodyBufferOptions, BodyBuffers } from "./body_buffers.ts";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "./encoder.ts";
import { MARK, runText } from "./line_text.ts";
import { idText, OtlpClosings, RECORD_HEAD } from "./otlp_closing.ts";
import type { OtlpFormat } from "./otlp_format.ts";

export interface OtlpEncoderOptions extends BodyBufferOptions {
  readonly format: OtlpFormat;
}

/**
 * Encodes lines as OTLP's log records in JSON. As in `JsonEncoder` bytes travel as latin1 and a whole run is escaped at once;
 * but each record says where its line begins, so lines are looked at one by one.
 *
 * A record's id begins with that of its batch, which is not known before the body is finished: its place is kept, and it is
 * written then.
 */
export class OtlpEncoder implements BodyEncoder {
  readonly #options: OtlpEncoderOptions;
  readonly #buffers: BodyBuffers;
  #body: Buffer;
  #size = 0;
  #lines = 0;
  /** Positions in the body at which the batch's id is to stand. */
  #ids: number[] = [];
  readonly #closings = new OtlpClosings();

  constructor(options: OtlpEncoderOptions) {
    this.#options = options;
    this.#buffers = new BodyBuffers(options);
    this.#body = this.#buffers.take();
    this.#begin();
  }

  get empty(): boolean {
    return this.#lines === 0;
  }

  add(run: Buffer, context: LineContext, offset: number): EncodedRun | undefined {
    const { maxBody, format } = this.#options;
    const { texts, idAt } = this.#closings.for(context);
    const [afterText, afterOffset = "", afterSecond] = texts;
    const room = maxBody - this.#size - format.tail.length;
    const isSingle = context.single === true;
    const { starts, least } = isSingle ? SINGLE : lineStarts(run);
    // Bodies of the kernel have to be cut at the same lines. What is surely too long need not be tried.
    if (this.#size + run.length > maxBody && run.length > 1) return undefined;
    if (least * (RECORD_HEAD.length + texts.join("").length) > room) return undefined;
    const text = runText(run);
    const lineTexts = isSingle ? [JSON.stringify(text).slice(1, -1)] : escapedLines(text);
    let out = "";
    let lines = 0;
    let emptyBytes = 0;
    const ids: number[] = [];
    for (let n = 0; n < lineTexts.length; n += 1) {
      const text = lineTexts[n] ?? "";
      const start = starts[n] ?? 0;
      if (text === "") {
        emptyBytes += (starts[n + 1] ?? run.length) - start;
        continue;
      }
      const at = offset + start;
      out += `${lines === 0 && this.empty ? "" : ","}${RECORD_HEAD}${text}"${afterText}${at}`;
      if (idAt !== undefined) ids.push(this.#size + out.length + idAt);
      out += afterSecond === undefined ? afterOffset : `${afterOffset}${at}${afterSecond}`;
      lines += 1;
      if (out.length > room) return undefined;
    }
    this.#body.write(out, this.#size, "latin1");
    this.#size += out.length;
    this.#lines += lines;
    for (const id of ids) this.#ids.push(id);
    return { lines, emptyBytes };
  }

  finish(id = ""): Promise<EncodedBody> {
    const body = this.#body;
    const written = Buffer.from(idText(id), "latin1");
    for (const at of this.#ids) body.set(written, at);
    const plainSize = this.#size + body.write(this.#options.format.tail, this.#size, "latin1");
    this.#body = this.#buffers.take();
    this.#begin();
    return this.#buffers.seal(body, plainSize);
  }

  #begin(): void {
    this.#ids = [];
    this.#lines = 0;
    this.#size = this.#body.write(this.#options.format.head, 0, "utf8");
  }
}

const SINGLE = { starts: [0], least: 0 };

/** Where the lines of a run begin, and how many of them at least are not empty. */
function lineStarts(run: Buffer): { readonly starts: readonly number[]; readonly least: number } {
  const starts = [0];
  let least = 0;
  let from = 0;
  for (let at = run.indexOf(10); at >= 0; at = run.indexOf(10, from)) {
    // A carriage return alone is an empty line, too.
    if (at - from > 1) least += 1;
    from = at + 1;
    if (from < run.length) starts.push(from);
  }
  return { starts, least };
}

/** The lines as they stand between the quotes of a JSON string. */
function escapedLines(text: string): string[] {
  if (text.includes(MARK)) return text.split("\n").map((line) => JSON.stringify(line).slice(1, -1));
  return JSON.stringify(text.replaceAll("\n", MARK)).slice(1, -1).split(MARK);
}
