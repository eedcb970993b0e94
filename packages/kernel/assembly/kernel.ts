/**
 * The kernel: from lines of a file to the compressed body of a request. What it exports is called by `src/kernel.ts`.
 *
 * It has no input but the numbers that it is given and its own memory, and calls nothing outside.
 *
 * `escape` writes lines behind one another as JSON; `deflate` takes what is there, a portion at a time:
 * `matcher` finds what is repeated, `code` counts symbols and makes codes of them with `huffman`, `code_lengths` tells the
 * codes, and `sequences` writes. What a trick of theirs is worth stands beside it, of the time of the whole unless it says otherwise
 * (`node bench/kernel_tricks.ts`, docs/kernel.md).
 */
import { Closing } from "./closing";
import { DEFLATE_SLACK } from "./deflate";
import { ESCAPE_SLACK, prepareEscape } from "./escape";
import { prepareFormat } from "./format";
import { PORTION } from "./matcher";

export { putAtPlaces } from "./closing";
export { beginDeflate, deflate, deflated } from "./deflate";
export { emptyBytes, escape, lines } from "./escape";

/** The first byte of memory that is the caller's. */
export function freeFrom(): usize {
  return __heap_base;
}

/** Says what stands behind each line of the run that comes: see `Closing`. */
export function setClosing(parts: usize, first: u32, second: u32, third: u32, places: usize): void {
  Closing.begin(parts, first, second, third, places);
}

/** Bytes that `deflate` takes at once. */
export function portion(): u32 {
  return PORTION;
}

/** Bytes that must be there behind whatever is read or written. */
export function slack(): u32 {
  return max(ESCAPE_SLACK, DEFLATE_SLACK);
}

prepareEscape();
prepareFormat();
