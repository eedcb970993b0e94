import { createHash } from "node:crypto";
import { basename } from "node:path";
import { containerOf } from "../containers/container_name.ts";
import { PART_KEYS } from "../lines/part_keys.ts";
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
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values?: readonly AnyValue[] } }
  | { readonly kvlistValue: { readonly values?: readonly KeyValue[] } }
  /** No value: null. */
  | Readonly<Record<string, never>>;

interface KeyValue {
  /** Absent for an empty one, as protobuf writes it. */
  readonly key?: string;
  readonly value: AnyValue;
}

/**
 * Attributes of a log record: OpenTelemetry's semantic conventions, but for `offset`, which is the file log receiver's. Those of
 * `app`, `env` and `host` are attributes of a resource there; a request has one resource, and lines of many files.
 */
export const ATTRIBUTE = {
  path: "log.file.path",
  name: "log.file.name",
  app: "service.name",
  env: "deployment.environment.name",
  host: "host.name",
  uid: "log.record.uid",
  offset: "log.file.record_offset",
  namespace: "k8s.namespace.name",
  pod: "k8s.pod.name",
  container: "k8s.container.name",
} as const;
/** In front of what a part of a line says of itself, and of the tags. */
const OWN = "logdna.";
const TAGS = `${OWN}tags`;
const LABEL = `${OWN}label`;
const ANNOTATION = `${OWN}annotation`;
const NOT_META = new Set([TAGS, LABEL, ANNOTATION]);
/** In front of the keys of `meta` that are not of a part of a line. */
const META = `${OWN}meta.`;
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
    if (tags.length > 0) attributes.push({ key: TAGS, value: anyValue(tags) });
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

/** The attributes that say where a line is from, from the fields of the LogDNA protocol. Fields without a value have none. */
export function fieldAttributes({ file, app, env, host, tags, label, annotation, meta }: BodyLine): KeyValue[] {
  const attributes: KeyValue[] = [];
  const add = (key: string, value: unknown): unknown =>
    value === undefined ? undefined : attributes.push({ key, value: anyValue(value) });
  add(ATTRIBUTE.path, file);
  add(ATTRIBUTE.name, typeof file === "string" ? basename(file) : undefined);
  add(ATTRIBUTE.app, app);
  add(ATTRIBUTE.env, env);
  add(ATTRIBUTE.host, host);
  add(TAGS, tags);
  const container = typeof file === "string" ? containerOf(file) : undefined;
  add(ATTRIBUTE.namespace, container?.namespace);
  add(ATTRIBUTE.pod, container?.pod);
  add(ATTRIBUTE.container, container?.container);
  add(LABEL, label);
  add(ANNOTATION, annotation);
  for (const [key, value] of Object.entries(isObject(meta) ? meta : {}))
    add(PART_KEYS.has(key) ? OWN + key : META + key, value);
  return attributes;
}

function anyValue(value: unknown): AnyValue {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number")
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (value === null) return {};
  if (Array.isArray(value)) return { arrayValue: value.length === 0 ? {} : { values: value.map(anyValue) } };
  if (!isObject(value)) return { stringValue: String(value) };
  const values = Object.entries(value).map(([key, inner]) => ({ ...(key !== "" && { key }), value: anyValue(inner) }));
  return { kvlistValue: values.length === 0 ? {} : { values } };
}

/** The line that a record was made of. */
function lineOf(record: Record<string, unknown>): BodyLine {
  const attributes = new Map<string, unknown>();
  for (const attribute of listIn(record, "attributes"))
    if (isObject(attribute) && typeof attribute.key === "string")
      attributes.set(attribute.key, plainValue(attribute.value));
  const meta = [...attributes].flatMap(([key, value]): [string, unknown][] => {
    if (key.startsWith(META)) return [[key.slice(META.length), value]];
    return key.startsWith(OWN) && !NOT_META.has(key) ? [[key.slice(OWN.length), value]] : [];
  });
  return {
    line: plainValue(record.body),
    timestamp: Number(String(record.observedTimeUnixNano).slice(0, -NANOS.length)),
    file: attributes.get(ATTRIBUTE.path),
    app: attributes.get(ATTRIBUTE.app),
    env: attributes.get(ATTRIBUTE.env),
    host: attributes.get(ATTRIBUTE.host),
    tags: attributes.get(TAGS),
    ...(attributes.has(LABEL) && { label: attributes.get(LABEL) }),
    ...(attributes.has(ANNOTATION) && { annotation: attributes.get(ANNOTATION) }),
    ...(meta.length > 0 && { meta: Object.fromEntries(meta) }),
    ...(record.severityText !== undefined && { level: record.severityText }),
    offset: attributes.get(ATTRIBUTE.offset),
    ...(attributes.has(ATTRIBUTE.uid) && { uid: attributes.get(ATTRIBUTE.uid) }),
  };
}

function recordOf(of: BodyLine): unknown {
  const { line, timestamp, meta, offset, uid, level } = of;
  const attributes = [...fieldAttributes(of), { key: ATTRIBUTE.offset, value: anyValue(offset) }];
  if (typeof uid === "string") attributes.push({ key: ATTRIBUTE.uid, value: anyValue(uidOf(uid, line, meta)) });
  const severity = level === undefined ? {} : { severityText: level };
  return { observedTimeUnixNano: `${timestamp}${NANOS}`, ...severity, body: anyValue(line), attributes };
}

/** Characters of a check sum: 60 bits. */
const PRINT_CHARACTERS = 10;

/** A piece of a record that was too large has an id of its own, by its text: after a crash it may be cut at other places. */
function uidOf(uid: string, line: unknown, meta: unknown): string {
  if (!isObject(meta) || !("line_id" in meta)) return uid;
  const piece = String(meta.line_piece ?? meta.line_part);
  return `${uid}-${piece}-${createHash("sha256").update(String(line)).digest("base64url").slice(0, PRINT_CHARACTERS)}`;
}

/** The value that `anyValue` makes this of. */
function plainValue(value: unknown): unknown {
  if (!isObject(value)) return undefined;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.arrayValue !== undefined) return listIn(value.arrayValue, "values").map(plainValue);
  if (value.kvlistValue !== undefined) {
    const values = listIn(value.kvlistValue, "values").filter(isObject);
    return Object.fromEntries(values.map(({ key = "", value: inner }) => [String(key), plainValue(inner)]));
  }
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? null;
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const list = isObject(value) ? value[key] : undefined;
  return Array.isArray(list) ? list : [];
}
