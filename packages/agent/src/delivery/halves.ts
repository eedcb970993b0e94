import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { BODY_HEAD, BODY_TAIL } from "@logdna-agent/protocol";
import type { EncodedBody } from "../batch/encoder.ts";

/** A body with the number of its lines. */
export interface CountedBody {
  readonly body: EncodedBody;
  readonly lines: number;
}

/**
 * Cuts a body in two, line by line, to find the line that a server does not accept.
 * Rare, so it may be slow: the body is parsed and built anew.
 * @returns undefined for a body of one line.
 */
export function halve(body: EncodedBody): readonly [CountedBody, CountedBody] | undefined {
  const lines = linesOf(body);
  if (lines.length < 2) return undefined;
  const middle = lines.length >> 1;
  return [build(lines.slice(0, middle), body), build(lines.slice(middle), body)];
}

/** UTF-8 length of the texts of all lines, each with one byte for its line end: about what they took in their files. */
export function textBytes(body: EncodedBody): number {
  return linesOf(body).reduce<number>((sum, line) => sum + 1 + Buffer.byteLength(textOf(line)), 0);
}

function textOf(line: unknown): string {
  return typeof line === "object" && line !== null && "line" in line && typeof line.line === "string" ? line.line : "";
}

function linesOf(body: EncodedBody): unknown[] {
  const plain = body.encoding === "gzip" ? gunzipSync(body.bytes) : body.bytes;
  const parsed: unknown = JSON.parse(plain.toString("utf8"));
  if (typeof parsed === "object" && parsed !== null && "lines" in parsed && Array.isArray(parsed.lines))
    return parsed.lines;
  return [];
}

function build(lines: readonly unknown[], like: EncodedBody): CountedBody {
  const plain = Buffer.from(BODY_HEAD + lines.map((line) => JSON.stringify(line)).join(",") + BODY_TAIL);
  const bytes = like.encoding === "gzip" ? gzipSync(plain) : plain;
  return { body: { bytes, encoding: like.encoding, plainSize: plain.length }, lines: lines.length };
}
