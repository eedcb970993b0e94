import { HEADER } from "@logdna-agent/protocol";
import { isObject } from "../batch/body_format.ts";
import type { Secret } from "../config/secret.ts";
import { isPage, type Protocol, type Rejection } from "./protocol.ts";
import { quoted } from "./transport_error.ts";

export interface OtlpProtocolOptions {
  /** Path of the endpoint. */
  readonly endpoint: string;
  /** The key in use; called for each request and kept nowhere else. */
  readonly key: () => string;
  /** The header that the key goes in, as `name` or `name: scheme`; without one it is not sent. */
  readonly keyHeader: string | undefined;
  /** Further headers, each as `name: value`. */
  readonly headers: readonly Secret[];
}

/** OTLP/HTTP for logs with JSON bodies (OTLP specification, "OTLP/HTTP"). */
export function otlpProtocol({ endpoint, key, keyHeader, headers }: OtlpProtocolOptions): Protocol {
  const [keyName = "", scheme] = keyHeader === undefined ? [] : splitHeader(keyHeader);
  return {
    target: () => endpoint,
    headers: (batchId, attempt) => ({
      ...Object.fromEntries(headers.map((header) => splitHeader(header.reveal()))),
      ...(keyName !== "" && { [keyName]: scheme === "" ? key() : `${scheme} ${key()}` }),
      [HEADER.batchId]: batchId,
      [HEADER.batchAttempt]: attempt,
      "content-type": "application/json",
    }),
    isForeign: isPage,
    rejectionIn,
  };
}

/**
 * What `partial_success` of an `ExportLogsServiceResponse` says (`logs_service.proto`). A number of 64 bits is decimal text in
 * JSON; some servers write a number. Names are those of JSON (`partialSuccess`) or, which parsers of protobuf's JSON must take as
 * well, those of the definition. An answer that cannot be read says nothing: the status has accepted all.
 */
function rejectionIn(body: string, conceal?: (text: string) => string): Rejection | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return undefined;
  }
  const partial = isObject(answer) ? (answer.partialSuccess ?? answer.partial_success) : undefined;
  if (!isObject(partial)) return undefined;
  const lines = Number(partial.rejectedLogRecords ?? partial.rejected_log_records);
  if (!Number.isSafeInteger(lines) || lines <= 0) return undefined;
  const message = partial.errorMessage ?? partial.error_message;
  return { lines, reason: typeof message === "string" ? quoted(message, 300, conceal) : "" };
}

/** What of a header must be in no output: its value, and that without a scheme such as Bearer. */
export function headerSecrets(header: Secret): string[] {
  const [, value] = splitHeader(header.reveal());
  return [value, value.slice(value.lastIndexOf(" ") + 1)];
}

/** Name, in lower case, and value of a header line; the value is empty where there is none. */
function splitHeader(header: string): readonly [string, string] {
  const colon = header.indexOf(":");
  if (colon < 0) return [header.trim().toLowerCase(), ""];
  return [header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()];
}
