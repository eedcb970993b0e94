import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { inflateRawSync } from "node:zlib";
import { Kernel } from "../src/kernel.ts";
import { Random, randomRun } from "./random_runs.ts";

const MAX_TEXT = 400_000;

/**
 * Compresses any bytes, which bodies cannot hold, and checks what zlib unpacks. What stands before them is what they begin with,
 * so that a match which reaches too far would look right; and there is not always room enough.
 */
export class DeflateChecker {
  readonly #kernel = new Kernel();
  readonly #text = this.#kernel.reserve(2 * MAX_TEXT);
  readonly #output = this.#kernel.reserve(2 * MAX_TEXT);

  /** @returns bytes that were compressed. */
  check(seed: number): number {
    const random = new Random(seed);
    const { calls, bytes } = this.#kernel;
    const text = randomText(random);
    const base = this.#text + text.length;
    bytes.set(text, this.#text);
    bytes.set(text, base);
    const portion = random.below(3) === 0 ? 64 + random.size(calls.portion() - 64) : calls.portion();
    const parts = Math.max(1, Math.ceil(text.length / portion));
    // What is left as it is takes so much more, at most.
    const most = text.length + parts * 24;
    const room = random.below(4) === 0 ? random.size(most) : most;
    const beyond = this.#output + room + calls.slack();
    bytes.fill(0xa5, beyond, beyond + 64);
    calls.beginDeflate(this.#output, this.#output + room);
    let fits = true;
    for (let part = 0; part < parts && fits; part += 1) {
      const to = Math.min(text.length, (part + 1) * portion);
      fits = calls.deflate(base, part * portion, to, part === parts - 1 ? 1 : 0) !== 0;
    }
    const end = calls.deflated();
    assert.ok(end <= this.#output + room, "more was written than there is room for");
    assert.ok(
      bytes.subarray(beyond, beyond + 64).every((byte) => byte === 0xa5),
      "something was written beyond",
    );
    if (room === most) assert.ok(fits, "what must fit does not");
    if (fits) assert.ok(inflateRawSync(bytes.subarray(this.#output, end)).equals(text), "another text");
    return text.length;
  }
}

function randomText(random: Random): Buffer {
  const most = random.below(4) === 0 ? MAX_TEXT : 3000;
  const text = randomRun(random, most);
  // Often what was there before comes again.
  const half = text.length >> 1;
  if (random.below(2) === 0) text.copy(text, half, 0, half);
  return text;
}
