import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type BodyFormat, type BodyLine, LOGDNA_FORMAT } from "../batch/body_format.ts";
import { unpacked } from "../batch/coding.ts";
import type { EncodedBody } from "../batch/encoder.ts";

/** A body with the number of its lines. */
export interface CountedBody {
  readonly body: EncodedBody;
  readonly lines: number;
  /** The same for the same lines, but for their time; another for others: a check sum that an id can hold. */
  readonly print: string;
}

/**
 * Cuts a body in two, line by line, to find the line that a server does not accept.
 * Rare, so it may be slow: the body is parsed and built anew. Lines are put together by their files first: so it is cut at
 * the same places when it is read again after a crash, where each file is read in one go.
 * @returns undefined for a body of one line.
 */
export function halve(
  body: EncodedBody,
  format: BodyFormat = LOGDNA_FORMAT,
): readonly [CountedBody, CountedBody] | undefined {
  const lines = linesOf(body, format).toSorted(byFile);
  if (lines.length < 2) return undefined;
  const middle = lines.length >> 1;
  return [bodyOf(lines.slice(0, middle), body, format), bodyOf(lines.slice(middle), body, format)];
}

function byFile({ file: a }: BodyLine, { file: b }: BodyLine): number {
  if (typeof a !== "string" || typeof b !== "string" || a === b) return 0;
  return a < b ? -1 : 1;
}

/** The text of a line; empty when it has none. */
export function textOf({ line }: BodyLine): string {
  return typeof line === "string" ? line : "";
}

/** The lines of a body. */
export function linesOf(body: EncodedBody, format: BodyFormat = LOGDNA_FORMAT): BodyLine[] {
  return format.linesOf(unpacked(body).toString("utf8"));
}

/** A body of these lines. @param like one that it was cut from; where that was compressed, it is, in gzip, which every server takes. */
export function bodyOf(
  lines: readonly BodyLine[],
  like: Pick<EncodedBody, "encoding">,
  format: BodyFormat = LOGDNA_FORMAT,
): CountedBody {
  const plain = Buffer.from(format.bodyOf(lines));
  const encoding = like.encoding === undefined ? undefined : "gzip";
  const bytes = encoding === undefined ? plain : gzipSync(plain);
  const hash = createHash("sha256");
  // A line that is read again after a crash has another time.
  for (const { timestamp, ...line } of lines) hash.update(`${JSON.stringify(line)}\n`);
  return {
    body: { bytes, encoding, plainSize: plain.length },
    lines: lines.length,
    print: hash.digest("base64url").slice(0, PRINT_CHARACTERS),
  };
}

/** 60 bits: two bodies of one batch do not share them by accident. */
const PRINT_CHARACTERS = 10;
