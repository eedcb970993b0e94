import { Buffer } from "node:buffer";
import type { LineFields } from "../lines/fields/line_fields.ts";
import { BodyBuffers } from "./body_buffers.ts";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "./encoder.ts";
import { MARK, runText } from "./line_text.ts";
import { ATTRIBUTE, fieldAttributes, NANOS, type OtlpFormat } from "./otlp_format.ts";

export interface OtlpEncoderOptions {
  readonly format: OtlpFormat;
  /** Bytes of a body before compression, at most. */
  readonly maxBody: number;
  /** 1 to 9; 0 for no compression. */
  readonly gzipLevel: number;
}

/** Characters that a batch id takes in a body; ids are as long (see `BatchIds`). */
const ID_CHARACTERS = 22;
const NO_ID = "-".repeat(ID_CHARACTERS);

/** What stands around the text and the offset of each line. */
interface Template {
  readonly context: LineContext;
  /** Before the text, after it, and after the offset. */
  readonly head: string;
  readonly afterText: string;
  readonly afterOffset: string;
  /** After the batch id, and after the second offset; undefined for records without an id. */
  readonly afterId: string | undefined;
  readonly end: string;
  /** Bytes of all of these, but for the offsets. */
  readonly size: number;
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
  #template: Template | undefined;

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
    const template = this.#templateFor(context);
    const room = maxBody - this.#size - format.tail.length;
    const isSingle = context.single === true;
    const { starts, least } = isSingle ? SINGLE : lineStarts(run);
    // What is surely too long need not be tried.
    if (run.length + least * template.size > room && run.length > 1) return undefined;
    const text = runText(run);
    const texts = isSingle ? [JSON.stringify(text).slice(1, -1)] : escapedLines(text);
    let out = "";
    let lines = 0;
    let emptyBytes = 0;
    const ids: number[] = [];
    for (let n = 0; n < texts.length; n += 1) {
      const text = texts[n] ?? "";
      const start = starts[n] ?? 0;
      if (text === "") {
        emptyBytes += (starts[n + 1] ?? run.length) - start;
        continue;
      }
      const at = offset + start;
      out += `${lines === 0 && this.empty ? "" : ","}${template.head}${text}${template.afterText}${at}${template.afterOffset}`;
      if (template.afterId !== undefined) {
        ids.push(this.#size + out.length);
        out += `${NO_ID}${template.afterId}${at}`;
      }
      out += template.end;
      lines += 1;
      if (out.length > room) return undefined;
    }
    this.#body.write(out, this.#size, "latin1");
    this.#size += out.length;
    this.#lines += lines;
    for (const id of ids) this.#ids.push(id);
    return { lines, emptyBytes };
  }

  finish(id = NO_ID): Promise<EncodedBody> {
    const body = this.#body;
    const written = Buffer.from(id.padEnd(ID_CHARACTERS, "-").slice(0, ID_CHARACTERS), "latin1");
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

  #templateFor(context: LineContext): Template {
    const known = this.#template;
    if (
      known !== undefined &&
      known.context.timestamp === context.timestamp &&
      known.context.file === context.file &&
      known.context.source === context.source &&
      known.context.fields === context.fields &&
      known.context.meta === context.meta
    )
      return known;
    this.#template = templateOf(context);
    return this.#template;
  }
}

function templateOf(context: LineContext): Template {
  const { file, fields = { file } as LineFields, timestamp, source, meta } = context;
  const attributes = fieldAttributes(meta === undefined ? { ...fields } : { ...fields, meta: JSON.parse(meta) });
  const shared = attributes.map((attribute) => `${latin1(JSON.stringify(attribute))},`).join("");
  const severity = fields.level === undefined ? "" : `"severityText":${latin1(JSON.stringify(fields.level))},`;
  const head = `{"observedTimeUnixNano":"${timestamp}${NANOS}",${severity}"body":{"stringValue":"`;
  const afterText = `"},"attributes":[${shared}{"key":"${ATTRIBUTE.offset}","value":{"intValue":"`;
  const hasId = source !== undefined && source > 0;
  const afterOffset = hasId ? `"}},{"key":"${ATTRIBUTE.uid}","value":{"stringValue":"` : '"}}';
  const afterId = hasId ? `-${source}-` : undefined;
  const end = hasId ? '"}}]}' : "]}";
  const idSize = afterId === undefined ? 0 : ID_CHARACTERS + afterId.length;
  const size = head.length + afterText.length + afterOffset.length + idSize + end.length;
  return { context, head, afterText, afterOffset, afterId, end, size };
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
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
