import type { Coding } from "../batch/coding.ts";
import type { AgentEvent } from "../telemetry/events.ts";

/** For how long a server that did not take zstd, although it says that it does, gets gzip, in milliseconds. */
const HOLD_OFF_MS = 10 * 60_000;

export interface ServerCodingOptions {
  /** auto: zstd where the server says that it takes it. zstd: also where it says nothing. */
  readonly compression: "auto" | "gzip" | "zstd";
  readonly emit: (event: AgentEvent) => void;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

/**
 * How bodies for the server are to be compressed. Every server of these protocols takes gzip. Which others a server takes it says in
 * `Accept-Encoding` of its answers (RFC 7694, section 3); that it does so is believed as long as it is true.
 */
export class ServerCoding {
  readonly #options: ServerCodingOptions;
  readonly #now: () => number;
  #takesZstd: boolean;
  #notBefore = 0;

  constructor(options: ServerCodingOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#takesZstd = options.compression === "zstd";
  }

  /** What a body that is finished now gets. */
  get now(): Coding {
    return this.#takesZstd && this.#now() >= this.#notBefore ? "zstd" : "gzip";
  }

  /** The server has accepted something. @param acceptEncoding that header of its answer. */
  hear(acceptEncoding: string | undefined): void {
    if (this.#options.compression !== "auto") return;
    const before = this.now;
    this.#takesZstd = takes(acceptEncoding, "zstd");
    if (this.now !== before) this.#options.emit({ name: "coding_changed", coding: this.now });
  }

  /** It did not accept a body in zstd, and then the same one in gzip. */
  distrust(): void {
    this.#notBefore = this.#now() + HOLD_OFF_MS;
    this.#options.emit({ name: "coding_refused", retryInMs: HOLD_OFF_MS });
  }
}

/** Whether a list of codings has one, by name, and not with a weight of 0 (RFC 9110, section 12.5.3). */
function takes(acceptEncoding: string | undefined, coding: Coding): boolean {
  return (acceptEncoding ?? "").split(",").some((entry) => {
    const [name = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    return name === coding && !parameters.some((parameter) => /^q\s*=\s*0(?:\.0*)?$/.test(parameter));
  });
}
