import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type BodyFormat, type BodyLine, isObject } from "./body_format.ts";

/** What the agent says of the host that its lines come from. */
export interface OtlpResource {
  readonly hostname: string;
  readonly ip: string | undefined;
  readonly mac: string | undefined;
  readonly tags: readonly string[];
  /** The agent's version. */
  readonly version: string;
}

/** A value as OTLP has it in JSON (`AnyValue` of `common.proto`); integers of 64 bits are decimal text there. */
type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } };

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** Attributes of a log record. The first three are OpenTelemetry's semantic conventions, the fourth the file log receiver's. */
export const ATTRIBUTE = {
  path: "log.file.path",
  name: "log.file.name",
  uid: "log.record.uid",
  offset: "log.file.record_offset",
} as const;
/** In front of what a part of a line says of itself, and of the tags. */
const OWN = "logdna.";
/** Nanoseconds of a millisecond, as the zeros that they are. */
export const NANOS = "000000";

/**
 * OTLP's `ExportLogsServiceRequest` in JSON (OTLP specification, "JSON Protobuf Encoding"; `logs_service.proto`): one resource, one
 * scope, a record for each line. What stands where is in `docs/otlp.md`.
 */
export class OtlpFormat implements BodyFormat {
  /** What stands before the first record, and after the last one. */
  readonly head: string;
  readonly tail = "]}]}]}";

  constructor({ hostname, ip, mac, tags, version }: OtlpResource) {
    const attributes: KeyValue[] = [{ key: "host.name", value: anyValue(hostname) }];
    if (ip !== undefined) attributes.push({ key: "host.ip", value: anyValue([ip]) });
    // The conventions write MAC addresses in the form of IEEE RA: upper case, with hyphens.
    if (mac !== undefined)
      attributes.push({ key: "host.mac", value: anyValue([mac.toUpperCase().replaceAll(":", "-")]) });
    if (tags.length > 0) attributes.push({ key: `${OWN}tags`, value: anyValue(tags) });
    const resource = JSON.stringify({ attributes });
    const scope = JSON.stringify({ name: "logdna-agent", version });
    this.head = `{"resourceLogs":[{"resource":${resource},"scopeLogs":[{"scope":${scope},"logRecords":[`;
  }

  linesOf(body: string): BodyLine[] {
    const parsed: unknown = JSON.parse(body);
    const resources = listIn(parsed, "resourceLogs");
    const scopes = resources.flatMap((resource) => listIn(resource, "scopeLogs"));
    return scopes
      .flatMap((scope) => listIn(scope, "logRecords"))
      .filter(isObject)
      .map(lineOf);
  }

  bodyOf(lines: readonly BodyLine[]): string {
    return `${this.head}${lines.map((line) => JSON.stringify(recordOf(line))).join(",")}${this.tail}`;
  }
}

/** What the parts of a line say of themselves, as attributes. @param meta the `meta` field. */
export function partAttributes(meta: unknown): KeyValue[] {
  if (!isObject(meta)) return [];
  return Object.entries(meta).map(([name, value]) => ({ key: OWN + name, value: anyValue(value) }));
}

/** The attributes that say of which file a line is. */
export function fileAttributes(file: string): KeyValue[] {
  return [
    { key: ATTRIBUTE.path, value: anyValue(file) },
    { key: ATTRIBUTE.name, value: anyValue(basename(file)) },
  ];
}

function anyValue(value: unknown): AnyValue {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return { intValue: String(value) };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { stringValue: String(value) };
}

/** The line that a record was made of. */
function lineOf(record: Record<string, unknown>): BodyLine {
  const attributes = new Map<string, unknown>();
  for (const attribute of listIn(record, "attributes"))
    if (isObject(attribute) && typeof attribute.key === "string")
      attributes.set(attribute.key, plainValue(attribute.value));
  const own = [...attributes].filter(([key]) => key.startsWith(OWN));
  const meta = own.map(([key, value]) => [key.slice(OWN.length), value] as const);
  return {
    line: plainValue(record.body),
    timestamp: Number(String(record.observedTimeUnixNano).slice(0, -NANOS.length)),
    file: attributes.get(ATTRIBUTE.path),
    ...(meta.length > 0 && { meta: Object.fromEntries(meta) }),
    offset: attributes.get(ATTRIBUTE.offset),
    ...(attributes.has(ATTRIBUTE.uid) && { uid: attributes.get(ATTRIBUTE.uid) }),
  };
}

function recordOf({ line, timestamp, file, meta, offset, uid }: BodyLine): unknown {
  const attributes: KeyValue[] = [
    ...fileAttributes(String(file)),
    ...partAttributes(meta),
    { key: ATTRIBUTE.offset, value: anyValue(offset) },
  ];
  if (typeof uid === "string") attributes.push({ key: ATTRIBUTE.uid, value: anyValue(uidOf(uid, line, meta)) });
  return { observedTimeUnixNano: `${timestamp}${NANOS}`, body: anyValue(line), attributes };
}

/** Characters of a check sum: 60 bits. */
const PRINT_CHARACTERS = 10;

/** A piece of a record that was too large has an id of its own, by its text: after a crash it may be cut at other places. */
function uidOf(uid: string, line: unknown, meta: unknown): string {
  if (!isObject(meta) || !("line_id" in meta)) return uid;
  const piece = String(meta.line_piece ?? meta.line_part);
  return `${uid}-${piece}-${createHash("sha256").update(String(line)).digest("base64url").slice(0, PRINT_CHARACTERS)}`;
}

function plainValue(value: unknown): unknown {
  if (!isObject(value)) return undefined;
  return value.intValue === undefined ? (value.stringValue ?? value.boolValue) : Number(value.intValue);
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const list = isObject(value) ? value[key] : undefined;
  return Array.isArray(list) ? list : [];
}
