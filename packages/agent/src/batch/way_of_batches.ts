import { createHash } from "node:crypto";
import type { Config } from "../config/mod.ts";

/** To be raised when another version cuts, joins, changes or encodes lines in another way. */
const WAY = 2;
/** Bytes of the digest; as many are exact in a number. */
const DIGEST_BYTES = 6;

/**
 * A digest of what decides where bytes are cut into lines, parts, events and bodies, and what becomes of them. Under another
 * one the same range of a file is another batch. It is never 0, and holds no secret.
 */
export function wayOfBatches(config: Config): number {
  const { lineMaxPart, lineMax, ingestBufferSize, output, containerDirs, containerLines, pathRules } = config;
  const { lineExclusion, lineInclusion, lineRedact, redact, redactAs, multiline, rateLimit, sample } = config;
  const rules = [lineExclusion, lineInclusion, lineRedact, redact, redactAs, multiline, rateLimit, sample, pathRules];
  const all = [WAY, lineMaxPart, lineMax, ingestBufferSize, output, containerDirs, containerLines, ...rules];
  // How long the end of a file was waited for decides nothing when a range is read again.
  const text = JSON.stringify(all, (name, value: unknown) => (name === "timeout" ? undefined : value));
  return createHash("sha256").update(text).digest().readUIntBE(0, DIGEST_BYTES) || 1;
}
