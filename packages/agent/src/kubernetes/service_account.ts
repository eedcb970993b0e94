import { statSync } from "node:fs";
import { join } from "node:path";
import { readSmallFile } from "../config/small_file.ts";

/** How often the files are looked at, in milliseconds: a token is renewed minutes before it expires. */
const LOOK_MS = 10_000;

/**
 * What a pod proves who it is with, and knows the API server by. The kubelet replaces the token while the pod runs, since it
 * expires (by default after an hour), so it is read again when its file has changed.
 */
export class ServiceAccount {
  readonly #directory: string;
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #seen = "";
  #token = "";
  #ca: string | undefined;

  /** @param now milliseconds of a monotonic clock. */
  constructor(directory: string, now: () => number = () => performance.now()) {
    this.#directory = directory;
    this.#now = now;
  }

  /** The token for the next request. @throws the system's error where there is none. */
  get token(): string {
    this.#look(false);
    return this.#token;
  }

  /** Certificates of the authorities that the API server's is from; undefined for those of the system. */
  get ca(): string | undefined {
    this.#look(false);
    return this.#ca;
  }

  /** The server refuses the token. @returns whether there is another one by now. */
  renew(): boolean {
    const before = this.#token;
    this.#look(true);
    return this.#token !== before;
  }

  #look(now: boolean): void {
    const time = this.#now();
    if (!now && this.#token !== "" && time - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = time;
    const [token, ca] = [join(this.#directory, "token"), join(this.#directory, "ca.crt")];
    const seen = `${fingerprint(token)} ${fingerprint(ca)}`;
    if (seen === this.#seen && this.#token !== "") return;
    this.#token = readSmallFile(token).trim();
    this.#ca = fingerprint(ca) === "" ? undefined : readSmallFile(ca);
    this.#seen = seen;
  }
}

/** The namespace that a pod runs in, as its service account tells it; undefined where it does not. */
export function namespaceOf(directory: string): string | undefined {
  try {
    return readSmallFile(join(directory, "namespace")).trim() || undefined;
  } catch {
    return undefined;
  }
}

function fingerprint(path: string): string {
  try {
    const { dev, ino, mtimeNs, size } = statSync(path, { bigint: true });
    return [dev, ino, mtimeNs, size].join(":");
  } catch {
    return "";
  }
}
