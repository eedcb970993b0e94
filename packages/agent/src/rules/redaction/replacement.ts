import type { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { RedactionPreset, RedactionStyle } from "../../config/line_options.ts";
import type { Finder } from "./finder.ts";

/** What the existing agents put in the place of what their rules match. */
const MASK = "[REDACTED]";
/** Hexadecimal digits of a hash that are shown: 64 bits, so that among a million values a pair is alike by chance once in 37 million times. */
const HASH_DIGITS = 16;
/** Hashes that are kept, since the same addresses come again and again; longer values are not kept. */
const KEPT_HASHES = 1024;
const KEPT_LENGTH = 64;

export type Replacement = (preset: RedactionPreset, finder: Finder, value: string) => string;

/** What takes the place of values in a style. */
export function replacementOf(style: RedactionStyle, salt: Buffer): Replacement {
  switch (style) {
    case "mask":
      return () => MASK;
    case "partial":
      return (_preset, finder, value) => finder.partial(value) ?? MASK;
    case "hash":
      return hashing(salt);
  }
}

function hashing(salt: Buffer): Replacement {
  const kept = new Map<string, string>();
  return (preset, finder, value) => {
    const asWritten = `${preset}\0${value}`;
    const known = kept.get(asWritten);
    if (known !== undefined) return known;
    // The kind is hashed as well: a hash says nothing of a value of another kind.
    const digest = createHmac("sha256", salt)
      .update(`${preset}\0${finder.normalise(value)}`, "latin1")
      .digest("hex");
    const hash = `[${preset}:${digest.slice(0, HASH_DIGITS)}]`;
    if (value.length <= KEPT_LENGTH) {
      if (kept.size >= KEPT_HASHES) kept.clear();
      kept.set(asWritten, hash);
    }
    return hash;
  };
}
