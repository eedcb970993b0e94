import assert from "node:assert/strict";
import { join } from "node:path";
import protobuf from "protobufjs";
import protojson from "protobufjs/ext/protojson.js";

/** A log record as it was received, its attributes by key. */
export interface ReceivedRecord {
  readonly text: string;
  /** Milliseconds since the epoch at which it was observed. */
  readonly observed: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

const root = new protobuf.Root();
root.resolvePath = (_, target) => join(import.meta.dirname, target);
root.loadSync("opentelemetry/proto/collector/logs/v1/logs_service.proto");
const REQUEST = root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");
const RESPONSE = root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse");

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly boolValue?: boolean;
  readonly doubleValue?: number;
  readonly kvlistValue?: { readonly values?: readonly { readonly key?: string; readonly value: Value }[] };
  readonly arrayValue?: { readonly values?: readonly Value[] };
}

interface Attributed {
  readonly attributes?: readonly { readonly key: string; readonly value: Value }[];
}

interface Request {
  readonly resourceLogs: readonly {
    readonly resource: Attributed;
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly (Attributed & { readonly observedTimeUnixNano: string; readonly body: Value })[];
    }[];
  }[];
}

/**
 * The records of an `ExportLogsServiceRequest` in JSON, by OpenTelemetry's published definitions. Throws for anything that is
 * not exactly what the JSON mapping of protobuf would write: unknown or differently spelt fields, numbers of 64 bits that are not
 * text, wrong types; and for attributes that occur twice, which the data model forbids.
 */
export function readExport(json: string): ReceivedRecord[] {
  const given: unknown = JSON.parse(json);
  const message = protojson.fromJson(REQUEST, given);
  assert.deepEqual(protojson.toJson(REQUEST, message), given);
  // The same request in binary form holds the same.
  assert.deepEqual(protojson.toJson(REQUEST, REQUEST.decode(REQUEST.encode(message).finish())), given);
  // It is what the definitions say, as was just seen.
  const { resourceLogs } = given as Request;
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, logRecords }) => {
      assert.equal(scope.name, "logdna-agent");
      return logRecords.map((record) => ({
        text: String(plain(record.body)),
        observed: Number(BigInt(record.observedTimeUnixNano) / 1_000_000n),
        attributes: byKey(record) as ReceivedRecord["attributes"],
        resource: byKey(resource),
      }));
    }),
  );
}

/** The answer of a server that took a request without so many of its records. */
export function partialSuccess(rejectedLogRecords: number, errorMessage: string): string {
  return protojson.toJsonString(
    RESPONSE,
    RESPONSE.fromObject({ partialSuccess: { rejectedLogRecords, errorMessage } }),
  );
}

function byKey({ attributes = [] }: Attributed): Record<string, unknown> {
  const entries = attributes.map(({ key, value }) => [key, plain(value)] as const);
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length, "an attribute occurs twice");
  return Object.fromEntries(entries);
}

function plain({ stringValue, intValue, boolValue, doubleValue, arrayValue, kvlistValue }: Value): unknown {
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(plain);
  if (kvlistValue !== undefined)
    return Object.fromEntries((kvlistValue.values ?? []).map(({ key = "", value }) => [key, plain(value)]));
  return stringValue ?? boolValue ?? doubleValue ?? (intValue === undefined ? null : Number(intValue));
}
