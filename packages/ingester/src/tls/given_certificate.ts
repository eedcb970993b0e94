import type { ServerIdentity } from "./authority.ts";
import { givenIdentity } from "./given_identity.ts";
import { HeldFiles } from "./held_files.ts";

export interface GivenCertificateOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** The two files, held since before they were read. */
  readonly held: HeldFiles;
  readonly use: (identity: ServerIdentity) => void;
  /** They cannot be used as they are now. Said once for each reason. */
  readonly onError: (message: string) => void;
  /** They have changed, and the process may not read them. */
  readonly onUnreadable: () => void;
}

/** A certificate that somebody else renews, taken up soon after its files were changed. */
export class GivenCertificate {
  readonly #options: GivenCertificateOptions;
  #held: HeldFiles;
  #lastChange: string | undefined;
  #lastError: string | undefined;

  constructor(options: GivenCertificateOptions) {
    this.#options = options;
    this.#held = options.held;
  }

  /** To be called every few seconds: what has changed since the last time is left to settle, as two files are written. */
  look(): void {
    const change = this.#held.changed();
    const settled = change !== undefined && change === this.#lastChange;
    this.#lastChange = change;
    if (settled) this.#takeUp();
  }

  #takeUp(): void {
    const { certFile, keyFile, use, onError, onUnreadable } = this.#options;
    let held: HeldFiles | undefined;
    try {
      held = HeldFiles.hold([certFile, keyFile]);
      use(givenIdentity(certFile, keyFile));
      this.#held.release();
      this.#held = held;
      this.#lastError = undefined;
    } catch (error) {
      held?.release();
      if (isRefusal(error)) return onUnreadable();
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#lastError) onError(message);
      this.#lastError = message;
    }
  }
}

function isRefusal(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error && "code" in cause && (cause.code === "EACCES" || cause.code === "EPERM");
}
