import type { Buffer } from "node:buffer";
import type { LineFields } from "../lines/fields/line_fields.ts";
import type { Coding } from "./coding.ts";

/** What every line of a run has in common, and what is put behind each of them. */
export interface LineContext {
  /** The file that the lines are of, and the `file` field where `fields` are not given. */
  readonly file: string;
  /** All fields that say where lines are from; undefined where `file` is the only one. The same object for the same file. */
  readonly fields?: LineFields | undefined;
  /** The `timestamp` field, in milliseconds since the epoch. */
  readonly timestamp: number;
  /** The file's id in the state; 0 or none for a file that cannot be read again after a crash. */
  readonly source?: number;
  /** The `meta` field as JSON, for the few lines that have another than `fields` say. */
  readonly meta?: string;
  /** The run is one line, whatever newlines it has within. */
  readonly single?: boolean;
}

/** What became of the bytes that an encoder took. */
export interface EncodedRun {
  /** Lines that are in the body now. */
  readonly lines: number;
  /** Bytes of empty lines, which are left out: a line without text is refused by servers of this protocol. */
  readonly emptyBytes: number;
}

/** A finished body, ready to be sent and sent again. */
export interface EncodedBody {
  /** In memory of their own, which is given back once the body is dealt with (see `freeBytes`). */
  readonly bytes: Buffer;
  readonly encoding: Coding | undefined;
  /** Bytes before compression. */
  readonly plainSize: number;
}

/**
 * Makes request bodies out of runs of lines: JSON escaping, UTF-8 repair, compression. One body at a time.
 *
 * The seam between the flow and the way bytes are turned into a body, so that a faster kernel can take the place of
 * the one that is built on `JSON.stringify` and zlib.
 */
export interface BodyEncoder {
  /** True when the body holds no line. */
  readonly empty: boolean;
  /**
   * Adds lines to the body; undefined when they do not fit, and then nothing was added.
   * Lines that do not fit an empty body never fit: the caller splits them.
   * @param run lines with their newlines (the last may lack it); borrowed for the call.
   * @param offset where in its file the run begins, in bytes.
   */
  add(run: Buffer, context: LineContext, offset: number): EncodedRun | undefined;
  /** Ends the body and begins a new one. @param id the batch's, for a body that tells it. */
  finish(id?: string): Promise<EncodedBody>;
}
