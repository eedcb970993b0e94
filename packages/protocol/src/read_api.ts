/**
 * The read API of the ingestion server: what the page and the terminal commands ask, and what comes back.
 *
 * Every request needs the read token, as `Authorization: Bearer TOKEN` or as the session cookie that `POST /api/v1/session` sets.
 */

/** A line as stored. */
export interface StoredLine {
  /** Opaque, unique, and usable as a permalink. */
  readonly id: string;
  /** Milliseconds since the epoch, as the sender said it, or the time of arrival. */
  readonly timestamp: number;
  /** Milliseconds since the epoch at which the server received the line. */
  readonly received: number;
  readonly host: string;
  readonly app: string;
  readonly file: string;
  /** One of `LEVELS`; detected from the text where the sender gave none; empty when unknown. */
  readonly level: string;
  readonly env: string;
  readonly tags: readonly string[];
  readonly line: string;
  /** The sender's `meta` as JSON text; empty when there was none. */
  readonly meta: string;
  readonly label: Readonly<Record<string, string>>;
  readonly annotation: Readonly<Record<string, string>>;
  /**
   * Only in lists, and only where they show less than is stored: bytes of the whole `line`. They cut lines that are longer
   * than 64 KiB, and leave out `meta` that is; `GET /api/v1/lines/ID` has all of it.
   */
  readonly wholeBytes?: number;
}

/** Severity names that the store uses, least severe first. Other names are kept as sent, in lower case. */
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/**
 * What lines are asked for; the query string of every read request.
 *
 * `q` holds words and "quoted phrases" that must all occur in the line (case-insensitive substrings), `-word` that must
 * not, and `host:x app:x file:x level:x env:x tag:x` terms, and `stream:x` for the `stream` that `meta` has of a line of a container; within quotes `\"` and `\\` stand for a
 * quote and a backslash. The other fields are exact values; a repeated one means any of them.
 */
export interface LineFilter {
  readonly q?: string;
  readonly host?: readonly string[];
  readonly app?: readonly string[];
  readonly file?: readonly string[];
  readonly level?: readonly string[];
  readonly env?: readonly string[];
  readonly tag?: readonly string[];
  /** Inclusive, milliseconds since the epoch. */
  readonly from?: number;
  /** Exclusive, milliseconds since the epoch. */
  readonly to?: number;
  /**
   * `received_from` in the query string: lines that the server received then or later, inclusive, milliseconds since the epoch.
   * What a viewer missed is found by it whatever the senders' clocks say.
   */
  readonly receivedFrom?: number;
}

/**
 * `GET /api/v1/lines?FILTER&limit=200&order=desc&cursor=…`; `around=ID` instead of a cursor centres on one line.
 * A page ends at `limit` lines or at 8 MiB of text, whichever comes first. `GET /api/v1/lines/ID` answers one `StoredLine`.
 */
export interface LinesAnswer {
  readonly lines: readonly StoredLine[];
  /** Give it back as `cursor` for the next page; null at the end. */
  readonly next: string | null;
}

/** `GET /api/v1/histogram?FILTER&buckets=60`. */
export interface HistogramAnswer {
  readonly from: number;
  readonly to: number;
  readonly bucketMs: number;
  /** Only buckets that hold lines; counts by level, `""` for unknown. */
  readonly buckets: readonly { readonly start: number; readonly counts: Readonly<Record<string, number>> }[];
}

/** `GET /api/v1/facets?FILTER`: the most frequent values of each field. */
export interface FacetsAnswer {
  readonly host: readonly FacetValue[];
  readonly app: readonly FacetValue[];
  readonly file: readonly FacetValue[];
  readonly level: readonly FacetValue[];
  readonly env: readonly FacetValue[];
  readonly tag: readonly FacetValue[];
}

export interface FacetValue {
  readonly value: string;
  readonly count: number;
}

/**
 * `GET /api/v1/tail?FILTER`, server-sent events:
 * `event: lines` with `StoredLine[]` (several at a time, in order of arrival), `event: skipped` with `{"count":N}` where the
 * viewer was too slow to be sent every line, and a comment every 15 s to keep the connection.
 */
export interface TailSkipped {
  readonly count: number;
}

/** Every error answer, of the read and of the ingestion endpoints. */
export interface ErrorAnswer {
  readonly error: string;
}
