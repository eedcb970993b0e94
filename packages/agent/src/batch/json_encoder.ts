import { Buffer, isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { constants, type gzip as Gzip, gzip } from "node:zlib";
import { BODY_HEAD, BODY_TAIL } from "@logdna-agent/protocol";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "./encoder.ts";

const gzipAsync = promisify<Buffer, NonNullable<Parameters<typeof Gzip>[1]>, Buffer>(gzip);

const LINE_HEAD = '{"line":';
/** A one-shot compression with the default 16 KiB of output at a time costs 12 % more CPU on bodies of 2 MiB. */
const GZIP_CHUNK_BYTES = 512 * 1024;
/** Bodies below this are sent as they are: compression saves no packet. */
const MIN_GZIP_BYTES = 512;

export interface JsonEncoderOptions {
  /** Bytes of a body before compression, at most. */
  readonly maxBody: number;
  /** 1 to 9; 0 for no compression. */
  readonly gzipLevel: number;
}

/**
 * The encoder in plain TypeScript: bytes travel as a latin1 string, one character each, so that one `JSON.stringify` over
 * a whole run of lines escapes them all and never decodes them; they are UTF-8 again when written as latin1.
 *
 * Splitting into lines, escaping the array and replacing `","` would be inexact: a line that ends in `",` has these three
 * characters too. So the newlines become a character that JSON does not escape, and which lines do not hold.
 */
export class JsonEncoder implements BodyEncoder {
  readonly #options: JsonEncoderOptions;
  /** Bodies that are not being filled or compressed now; a body is reused, because 2 MiB buffers are costly to allocate. */
  readonly #free: Buffer[] = [];
  #body: Buffer;
  #size = 0;
  #context: LineContext | undefined;
  #suffix = "";

  constructor(options: JsonEncoderOptions) {
    this.#options = options;
    this.#body = this.#newBody();
    this.#begin();
  }

  get empty(): boolean {
    return this.#size === BODY_HEAD.length;
  }

  add(run: Buffer, context: LineContext): EncodedRun | undefined {
    // Escaping makes nothing shorter: what is too long already need not be tried.
    if (this.#size + run.length > this.#options.maxBody && run.length > 1) return undefined;
    const ended = run.length > 0 && run[run.length - 1] === 10;
    const trimmed = ended ? run.subarray(0, run.length - 1) : run;
    let text = isUtf8(trimmed) ? trimmed.toString("latin1") : Buffer.from(trimmed.toString("utf8")).toString("latin1");
    if (text.includes("\r")) {
      text = text.replaceAll("\r\n", "\n");
      if (ended && text.endsWith("\r")) text = text.slice(0, -1);
    }
    let emptyBytes = 0;
    if (text === "" || text.includes("\n\n") || text.startsWith("\n") || text.endsWith("\n")) {
      emptyBytes = emptyLineBytes(run);
      text = text.replaceAll(/\n{2,}/g, "\n").replaceAll(/^\n|\n$/g, "");
      if (text === "") return { lines: 0, emptyBytes };
    }
    const suffix = this.#suffixFor(context);
    const separator = `"${suffix},${LINE_HEAD}"`;
    const escaped = escapeLines(text, separator);
    const encoded = `${this.empty ? "" : ","}${LINE_HEAD}${escaped.text}${suffix}`;
    if (this.#size + encoded.length + BODY_TAIL.length > this.#options.maxBody) return undefined;
    this.#size += this.#body.write(encoded, this.#size, "latin1");
    return { lines: escaped.lines, emptyBytes };
  }

  async finish(): Promise<EncodedBody> {
    const body = this.#body;
    const plainSize = this.#size + body.write(BODY_TAIL, this.#size, "latin1");
    this.#body = this.#free.pop() ?? this.#newBody();
    this.#begin();
    const plain = body.subarray(0, plainSize);
    if (this.#options.gzipLevel === 0 || plainSize < MIN_GZIP_BYTES) {
      const bytes = Buffer.from(plain);
      this.#free.push(body);
      return { bytes, encoding: undefined, plainSize };
    }
    const compressed = await gzipAsync(plain, {
      level: this.#options.gzipLevel,
      memLevel: constants.Z_MAX_MEMLEVEL,
      chunkSize: Math.max(1024, Math.min(GZIP_CHUNK_BYTES, plainSize)),
    });
    this.#free.push(body);
    // The result of zlib may sit in a buffer of `chunkSize`; a batch that waits for a server must not pin it.
    const bytes = compressed.buffer.byteLength > 2 * compressed.length ? Buffer.from(compressed) : compressed;
    return { bytes, encoding: "gzip", plainSize };
  }

  #newBody(): Buffer {
    return Buffer.allocUnsafeSlow(this.#options.maxBody);
  }

  #begin(): void {
    this.#size = this.#body.write(BODY_HEAD, 0, "latin1");
  }

  #suffixFor(context: LineContext): string {
    const known = this.#context;
    if (
      known === undefined ||
      known.timestamp !== context.timestamp ||
      known.file !== context.file ||
      known.meta !== context.meta
    ) {
      const file = Buffer.from(JSON.stringify(context.file)).toString("latin1");
      const meta = context.meta === undefined ? "" : `,"meta":${Buffer.from(context.meta).toString("latin1")}`;
      this.#suffix = `,"timestamp":${context.timestamp},"file":${file}${meta}}`;
      this.#context = context;
    }
    return this.#suffix;
  }
}

/** U+007F stands for the newline between two lines while they are escaped: JSON leaves it as it is. */
const MARK = "\x7f";

/** JSON strings of all lines, with `separator` (which begins with a closing and ends with an opening quote) in between. */
function escapeLines(text: string, separator: string): { text: string; lines: number } {
  if (text.includes(MARK)) {
    const lines = text.split("\n");
    const quoted = lines.map((line) => JSON.stringify(line));
    return { text: quoted.join(separator.slice(1, -1)), lines: lines.length };
  }
  const escaped = JSON.stringify(text.replaceAll("\n", MARK));
  const separated = escaped.replaceAll(MARK, separator);
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
