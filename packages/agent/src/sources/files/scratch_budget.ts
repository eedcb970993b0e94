import type { TailedFile } from "./tailed_file.ts";

interface ScratchBudgetOptions {
  /** Bytes that all files may take together by configuration. */
  readonly limit: () => number;
  /** Bytes that are free where they are. */
  readonly free: () => number;
}

/** What is on disk of one file. */
interface Share {
  bytes: number;
  filling: boolean;
}

/**
 * Bytes on disk that unpacked files may take: at most half of what would be free without them, and what is configured. A
 * compressed file of a few kilobytes may hold gigabytes, and whoever may write to a log directory can make one.
 */
export class ScratchBudget {
  readonly #options: ScratchBudgetOptions;
  readonly #shares = new Map<TailedFile, Share>();

  constructor(options: ScratchBudgetOptions) {
    this.#options = options;
  }

  /** Nothing may be unpacked at all. */
  get isEmpty(): boolean {
    return this.#options.limit() <= 0;
  }

  /** Begins to unpack a file. @returns what asks for so many bytes more; false when they are not there. */
  begin(file: TailedFile): (bytes: number) => boolean {
    const used = this.#used();
    const most = Math.min(this.#options.limit(), (this.#options.free() + used) / 2);
    const share: Share = { bytes: 0, filling: true };
    this.#shares.set(file, share);
    return (bytes) => {
      if (this.#used() + bytes > most) return false;
      share.bytes += bytes;
      return true;
    };
  }

  /** It is unpacked, and takes what it takes until it is closed. */
  filled(file: TailedFile): void {
    const share = this.#shares.get(file);
    if (share !== undefined) share.filling = false;
  }

  #used(): number {
    let used = 0;
    for (const [file, { bytes, filling }] of this.#shares) {
      if (filling || file.fd >= 0) used += bytes;
      else this.#shares.delete(file);
    }
    return used;
  }
}
