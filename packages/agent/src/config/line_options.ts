import type { Secret } from "./secret.ts";

/** Kinds of personal and secret data that are redacted by name. */
export const REDACTION_PRESETS = [
  "email",
  "credit_card",
  "us_ssn",
  "ipv4",
  "ipv6",
  "phone",
  "jwt",
  "aws_key",
  "bearer_token",
] as const;
export type RedactionPreset = (typeof REDACTION_PRESETS)[number];

/** What takes the place of what is redacted: a mask, a keyed hash by which equal values stay equal, or a mask but for a few characters. */
export const REDACTION_STYLES = ["mask", "hash", "partial"] as const;
export type RedactionStyle = (typeof REDACTION_STYLES)[number];

/** Languages whose stack traces are joined by name. */
export const MULTILINE_PRESETS = ["java", "python", "go", "node", "ruby"] as const;
export type MultilinePreset = (typeof MULTILINE_PRESETS)[number];

/** Which lines are joined into one. At least one of presets, `start` and `continuation` is given. */
export interface MultilineRule {
  readonly presets: readonly MultilinePreset[];
  /** A line that matches (Rust regex) begins a new one; all others continue it. */
  readonly start: string | undefined;
  /** A line that matches (Rust regex) continues the line before it. */
  readonly continuation: string | undefined;
  /** Milliseconds without growth after which a line is taken to be whole. */
  readonly timeout: number;
  /** Bounds of one joined line. */
  readonly maxLines: number;
  readonly maxBytes: number;
}

/** What is done with lines, for all files or for those of one entry of `log.rules`. Regexes are in the Rust dialect. */
export interface LineRules {
  /** A line that matches one is not shipped. */
  readonly lineExclusion: readonly string[];
  /** Where there is any, only lines that match one are shipped. */
  readonly lineInclusion: readonly string[];
  /** Each match becomes `[REDACTED]`. */
  readonly lineRedact: readonly string[];
  readonly redact: readonly RedactionPreset[];
  /** Undefined where nothing was said: `mask`. */
  readonly redactAs: RedactionStyle | undefined;
  readonly multiline: MultilineRule | undefined;
  /** Lines a second of each file beyond which lines are dropped and counted. */
  readonly rateLimit: number | undefined;
  /** Share of the lines that is shipped, above 0 and at most 1. */
  readonly sample: number | undefined;
}

/** An entry of `log.rules`: for files whose path matches one of the globs, in the dialect of the inclusion rules. */
export interface PathRule extends LineRules {
  readonly paths: readonly string[];
  readonly app: string | undefined;
  readonly env: string | undefined;
  readonly tags: readonly string[];
}

/** Values that replace a field of every line; an empty text removes the field, undefined leaves it as it is. */
export interface MetaOverrides {
  readonly metaApp: string | undefined;
  readonly metaHost: string | undefined;
  readonly metaEnv: string | undefined;
  readonly metaFile: string | undefined;
  readonly metaJson: string | undefined;
  /** Of lines of Kubernetes containers alone. */
  readonly metaLabels: string | undefined;
  readonly metaAnnotations: string | undefined;
}

/**
 * All that changes lines on their way. Of entries that match a path, every one counts, in their order, after what counts for
 * all files: lists add up, and of single values the last one holds.
 */
export interface LineOptions extends LineRules, MetaOverrides {
  /** What the hashes of redacted values are keyed with; undefined for a random one that is kept with the state. */
  readonly redactSalt: Secret | undefined;
  readonly pathRules: readonly PathRule[];
}
