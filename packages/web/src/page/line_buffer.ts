import type { StoredLine } from "@logdna-agent/protocol";

/**
 * The lines in memory, oldest first, bounded in number and in characters.
 *
 * A line keeps its sequence number for as long as it is held, whatever is added or dropped at either end, so rows on the screen
 * can be told apart. Numbers count up with arrival, and down below the first line when older ones are put in front.
 */
export class LineBuffer {
  readonly #slots: (StoredLine | undefined)[];
  readonly #maxChars: number;
  #first = 0;
  #end = 0;
  #chars = 0;

  /** Holds at most `capacity` lines, and at most `maxChars` characters of them (but always one line). */
  constructor(capacity: number, maxChars: number) {
    this.#slots = new Array<StoredLine | undefined>(capacity);
    this.#maxChars = maxChars;
  }

  /** Sequence number of the oldest line. */
  get first(): number {
    return this.#first;
  }

  /** Sequence number after the newest line. */
  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#first;
  }

  get isFull(): boolean {
    return this.length >= this.#slots.length || this.#chars >= this.#maxChars;
  }

  /** The line of a sequence number, where it is held. */
  at(seq: number): StoredLine | undefined {
    return seq >= this.#first && seq < this.#end ? this.#slots[this.#slot(seq)] : undefined;
  }

  /** Adds the newest line; returns how many of the oldest went to make room. */
  append(line: StoredLine): number {
    let dropped = 0;
    if (this.length === this.#slots.length) dropped += this.#dropFirst();
    this.#slots[this.#slot(this.#end)] = line;
    this.#end += 1;
    this.#chars += size(line);
    while (this.#chars > this.#maxChars && this.length > 1) dropped += this.#dropFirst();
    return dropped;
  }

  /** Puts older lines, given oldest first, in front; returns how many of the newest went to make room. */
  prepend(lines: readonly StoredLine[]): number {
    let dropped = 0;
    for (const line of lines.slice(-this.#slots.length).toReversed()) {
      if (this.length === this.#slots.length) dropped += this.#dropLast();
      this.#first -= 1;
      this.#slots[this.#slot(this.#first)] = line;
      this.#chars += size(line);
      while (this.#chars > this.#maxChars && this.length > 1) dropped += this.#dropLast();
    }
    return dropped;
  }

  clear(): void {
    this.#slots.fill(undefined);
    // Numbers go on, so that no row of the old content is taken for one of the new.
    this.#first = this.#end;
    this.#chars = 0;
  }

  /** Sequence number of the line with this id, searched from the newest. */
  find(id: string): number | undefined {
    for (let seq = this.#end - 1; seq >= this.#first; seq--) if (this.at(seq)?.id === id) return seq;
    return undefined;
  }

  /** The ids of all lines held. */
  ids(): Set<string> {
    const ids = new Set<string>();
    for (let seq = this.#first; seq < this.#end; seq++) {
      const line = this.at(seq);
      if (line !== undefined) ids.add(line.id);
    }
    return ids;
  }

  #dropFirst(): number {
    this.#take(this.#first);
    this.#first += 1;
    return 1;
  }

  #dropLast(): number {
    this.#end -= 1;
    this.#take(this.#end);
    return 1;
  }

  #take(seq: number): void {
    const slot = this.#slot(seq);
    const line = this.#slots[slot];
    if (line !== undefined) this.#chars -= size(line);
    this.#slots[slot] = undefined;
  }

  #slot(seq: number): number {
    const capacity = this.#slots.length;
    return ((seq % capacity) + capacity) % capacity;
  }
}

/** Characters that a line holds in memory; the short fields count as a round number. */
function size(line: StoredLine): number {
  return line.line.length + line.meta.length + 200;
}
