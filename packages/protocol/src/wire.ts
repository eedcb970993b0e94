/**
 * The ingestion wire format: what an agent says to an ingestion server.
 *
 * Facts of the public LogDNA (Mezmo) ingestion API, as its documentation and clients give them.
 */

/** One log line as it stands in a request body. A line needs `app` or `file`. */
export interface WireLine {
  readonly line: string;
  /** Milliseconds since the epoch; some clients send seconds. */
  readonly timestamp?: number;
  /** Absolute path of the file that the line was read from. */
  readonly file?: string;
  readonly app?: string;
  readonly host?: string;
  readonly level?: string;
  readonly env?: string;
  /** Comma-separated or a list. */
  readonly tags?: string | readonly string[];
  /** Any JSON value; one type for each key. */
  readonly meta?: unknown;
  /** Kubernetes labels of the pod. */
  readonly label?: Readonly<Record<string, string>>;
  /** Kubernetes annotations of the pod. */
  readonly annotation?: Readonly<Record<string, string>>;
}

/** A request body, before compression. LogDNA's npm clients name the list `ls`: `{"e":"ls","ls":[…]}`. A server takes both. */
export interface WireBody {
  readonly lines: readonly WireLine[];
}

/** Bytes before the first line of a body. */
export const BODY_HEAD = '{"lines":[';
/** Bytes after the last line of a body. */
export const BODY_TAIL = "]}";

/** Largest uncompressed body that a server must accept, in bytes (public API documentation). */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** Endpoint of agents and endpoint of the public API: both take the same body. */
export const ENDPOINTS = ["/logs/agent", "/logs/ingest"] as const;

/** Names of the request headers that are specific to this protocol (lower case, as Node gives them). */
export const HEADER = {
  /** The ingestion key. */
  apiKey: "apikey",
  /** An id that stays the same when a batch is sent again; a server stores a batch once. At most 64 characters of `[0-9A-Za-z_-]`. */
  batchId: "x-batch-id",
  /** `1` when this batch id was never sent before; larger or missing: a server must look whether it has it already. */
  batchAttempt: "x-batch-attempt",
} as const;

/** What a batch id may look like. Ids of one agent sort in the order of their lines. */
export const BATCH_ID_PATTERN = /^[0-9A-Za-z_-]{1,64}$/;
