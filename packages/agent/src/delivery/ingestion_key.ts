import type { Secret } from "../config/secret.ts";
import { readSmallFile } from "../config/small_file.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { Secrets } from "../telemetry/secrets.ts";

export interface IngestionKeyOptions {
  /** The key to begin with. */
  readonly key: Secret;
  /** The file that it was read from; undefined when it came from elsewhere. */
  readonly path: string | undefined;
  /** Whether requests have it. */
  readonly isSent: boolean;
  /** Makes a key of what a file holds; undefined when that cannot be one. */
  readonly parse: (text: string) => Secret | undefined;
  readonly emit: (event: AgentEvent) => void;
  /** Called with each new key before it is used: from then on it must be in no output. */
  readonly conceal: (secret: string) => void;
}

/** Characters; a shorter key, which no service issues, may be a word of any line. */
const MIN_CONCEALED_LENGTH = 8;

/**
 * The ingestion key in use. One that came from a file is looked for there again after the server has rejected it: whoever
 * rotates a mounted secret replaces the file and tells nobody.
 */
export class IngestionKey {
  readonly #options: IngestionKeyOptions;
  readonly #known = new Secrets(MIN_CONCEALED_LENGTH);
  #key: Secret;

  constructor(options: IngestionKeyOptions) {
    this.#options = options;
    this.#key = options.key;
    this.#known.add(options.key.reveal());
  }

  /** The file that it is read from, if it is. */
  get path(): string | undefined {
    return this.#options.path;
  }

  /** Whether requests have it: with OTLP they need not. */
  get isSent(): boolean {
    return this.#options.isSent;
  }

  /** The key itself; for the one place that sends it. */
  reveal(): string {
    return this.#key.reveal();
  }

  /** Reads the file again. @returns whether it holds another key, which is used from now on. */
  renew(): boolean {
    const { path, isSent, parse, emit, conceal } = this.#options;
    if (path === undefined || !isSent) return false;
    let key: Secret | undefined;
    try {
      key = parse(readSmallFile(path).trim());
      if (key === undefined) throw new Error("what it holds cannot be one");
    } catch (error) {
      emit({ name: "key_unreadable", path, reason: error instanceof Error ? error.message : String(error) });
      return false;
    }
    if (key.equals(this.#key)) return false;
    conceal(key.reveal());
    this.#key = key;
    this.#known.add(key.reveal());
    emit({ name: "key_renewed", path });
    return true;
  }

  /** A line without any of the keys that were in use, but for those that are too short to be told from other text. */
  concealIn(text: string): string {
    return this.#known.concealIn(text);
  }
}
