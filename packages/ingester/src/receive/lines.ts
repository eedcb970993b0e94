import type { Buffer } from "node:buffer";
import type { LineFields, ReceivedLine } from "../store/line_columns.ts";
import { type ContainerLine, containerLine } from "./container_line.ts";
import { levelIn, normalLevel } from "./level.ts";
import { Refusal } from "./refusal.ts";

/** What the request says of all its lines. */
export interface Sender {
  readonly hostname: string;
  readonly tags: readonly string[];
  /** When the request was received, in milliseconds since the epoch. */
  readonly received: number;
  readonly batch: string;
}

/** Characters of one name, such as a host's or a file's. */
const MAX_NAME = 4096;
/** Lines of one body: each costs memory beyond its text. An agent halves a batch that is answered 413. */
export const MAX_LINES = 200_000;
/** Characters that the hostname and the tags of a request may come to in all of its lines together. */
const MAX_REPEATED = 64 * 1024 * 1024;
/** Timestamps below this are seconds: as milliseconds they would be before April 1973. */
const SECONDS_BELOW = 100_000_000_000;
/** What DateTime64(3) holds: 1900 to 2299. */
const EARLIEST = -2_208_988_800_000;
const LATEST = 10_413_791_999_999;
const NONE: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Reads the lines of a body.
 * @throws {Refusal} 400 that says which line has what wrong; 413 for lines that are many more bytes than they were sent as.
 */
export function readLines(body: Buffer, sender: Sender): ReceivedLine[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    throw new Refusal(400, "The body is not valid JSON.");
  }
  // LogDNA's own npm clients say `ls` for `lines`.
  const list = isRecord(parsed) ? (parsed.lines ?? parsed.ls) : undefined;
  if (!Array.isArray(list)) throw new Refusal(400, 'The body must be an object with an array "lines".');
  if (list.length > MAX_LINES)
    throw new Refusal(413, `The body has more than ${MAX_LINES} lines: send fewer at a time.`);
  if (repeatsTooMuch(list.length, sender))
    throw new Refusal(413, "The hostname and tags are too long for so many lines: send fewer at a time.");
  return list.map((line: unknown, idx) => readLine(line, idx, sender));
}

/** Each line is stored with the hostname and the tags: a small body would otherwise come to gigabytes. */
export function repeatsTooMuch(lines: number, sender: Sender): boolean {
  return lines * (sender.hostname.length + sender.tags.join().length) > MAX_REPEATED;
}

function readLine(value: unknown, idx: number, sender: Sender): ReceivedLine {
  if (!isRecord(value)) throw wrong(idx, "is not an object");
  const { line } = value;
  if (typeof line !== "string") throw wrong(idx, 'has no text "line"');
  const { level, ...fields } = readFields(value, idx, sender);
  const own = containerLine(fields.file, line);
  const written = own?.line ?? line;
  return {
    ...fields,
    timestamp: timeOf(own?.timestamp ?? value.timestamp, idx, sender.received),
    app: fields.app === "" && own !== undefined ? own.container : fields.app,
    level: level ?? levelIn(written),
    line: written.toWellFormed(),
    meta: own === undefined ? fields.meta : metaOf(value.meta, own),
  };
}

/** What a line says besides its text and its time. @throws {Refusal} 400 */
export function readFields(value: Readonly<Record<string, unknown>>, idx: number, sender: Sender): LineFields {
  const app = text(value.app, idx, "app");
  const file = text(value.file, idx, "file");
  if (app === "" && file === "") throw wrong(idx, 'needs "app" or "file"');
  const level = text(value.level, idx, "level");
  return {
    received: sender.received,
    host: text(value.host, idx, "host") || sender.hostname,
    app,
    file,
    level: level === "" ? undefined : normalLevel(level),
    env: text(value.env, idx, "env"),
    tags: value.tags === undefined ? sender.tags : [...new Set([...sender.tags, ...tagsOf(value.tags, idx)])],
    meta: metaOf(value.meta),
    label: strings(value.label, idx, "label"),
    annotation: strings(value.annotation, idx, "annotation"),
  };
}

/** What is sent as `meta`, with what a container's runtime says of its line where that is of no other form. */
function metaOf(meta: unknown, own?: ContainerLine): string {
  if (own === undefined || !(meta === undefined || meta === null || isRecord(meta)))
    return meta === undefined || meta === null ? "" : JSON.stringify(meta);
  const { stream, isPartial } = own;
  return JSON.stringify({ stream, ...(isPartial && { partial: true }), ...(meta ?? {}) });
}

/** Tags of a text with commas. */
export function splitTags(tags: string): string[] {
  return tags
    .toWellFormed()
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

function tagsOf(value: unknown, idx: number): string[] {
  if (value === null) return [];
  if (typeof value === "string") return splitTags(value);
  if (Array.isArray(value) && value.every((tag) => typeof tag === "string")) return value.flatMap(splitTags);
  throw wrong(idx, 'has "tags" that are neither a text nor a list of texts');
}

/** Milliseconds since the epoch that a "timestamp" says. @throws {Refusal} 400 */
export function timeOf(value: unknown, idx: number, received: number): number {
  if (value === undefined || value === null) return received;
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) throw wrong(idx, 'has a "timestamp" that is no number');
  const ms = Math.round(Math.abs(number) < SECONDS_BELOW ? number * 1000 : number);
  return Math.min(LATEST, Math.max(EARLIEST, ms));
}

function text(value: unknown, idx: number, name: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") throw wrong(idx, `has a "${name}" that is no text`);
  return (value.length > MAX_NAME ? value.slice(0, MAX_NAME) : value).toWellFormed();
}

function strings(value: unknown, idx: number, name: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return NONE;
  if (!isRecord(value)) throw wrong(idx, `has a "${name}" that is no object`);
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key.toWellFormed(), text(entry, idx, `${name}.${key}`)]),
  );
}

function wrong(idx: number, what: string): Refusal {
  return new Refusal(400, `Line ${idx} ${what}.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
