/** Batch ids that were stored lately, oldest forgotten first; one more id costs about 100 bytes. */
export class BatchMemory {
  readonly #ids = new Set<string>();
  readonly #limit: number;

  constructor(limit = 200_000) {
    this.#limit = limit;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#limit) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}
