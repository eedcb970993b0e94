/** What the process of a sink and the one that started it say to each other. */
import type { LineForm } from "./count_lines.ts";

/** The first message: what to be. */
export interface SinkSettings {
  readonly transport: "https" | "http" | "tcp";
  readonly certificate: { readonly key: string; readonly cert: string };
  readonly form: LineForm;
}

/** Further messages. `down` closes the port and all connections, `up` opens the same port again. */
export type SinkOrder = "report" | "down" | "up";

/** What has arrived. Times are milliseconds of the monotonic clock. */
export interface Arrivals {
  readonly lines: number;
  readonly requests: number;
  /** Bytes of request bodies as they were sent, or of the stream of TCP. */
  readonly wireBytes: number;
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  /** Milliseconds from `stamp=` in lines to the arrival of what they were in, each once. */
  readonly delays: readonly number[];
}

export type SinkNews =
  | { readonly name: "ready"; readonly port: number }
  | { readonly name: "first"; readonly at: number }
  /** Bytes that have arrived since the last news of them, without counting lines, which costs. */
  | { readonly name: "progress"; readonly wireBytes: number }
  /** All that has arrived is counted: after a pause, or because a report was asked for. */
  | { readonly name: "counted"; readonly asked: boolean; readonly arrivals: Arrivals };
