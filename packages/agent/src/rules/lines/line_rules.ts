import { Buffer } from "node:buffer";
import type { Chunk, ChunkSource } from "../../chunk.ts";
import type { LineRules, PathRule, RedactionPreset, RedactionStyle } from "../../config/line_options.ts";
import type { LineLimits, Piece } from "../../lines/pieces.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { globMatcher } from "../glob.ts";
import { fitsAny, type NamesOf, onlyName } from "../real_root.ts";
import type { Redactor } from "../redaction/mod.ts";
import { Finders } from "./line_redaction.ts";
import { type FileMemory, LineStage, noteOf } from "./line_stage.ts";
import { StageCache } from "./stage_cache.ts";
import { limitsUnderRules } from "./whole_lines.ts";

export interface LineRuleOptions {
  readonly rules: LineRules & { readonly pathRules: readonly PathRule[] };
  /** Makes what redacts by presets; not called without any. */
  readonly createRedactor: (presets: readonly RedactionPreset[], style: RedactionStyle) => Redactor;
  /** The bounds on lines that hold where no rule looks at them. */
  readonly limits: LineLimits;
  readonly emit: (event: AgentEvent) => void;
  /** An entry of `pathRules` counts for a path if it matches one of these; by default the path alone. */
  readonly namesOf?: NamesOf;
  /** Milliseconds of a monotonic clock. */
  readonly clock?: () => number;
}

/** Rules on lines, as they count for each file. */
export interface CompiledLineRules {
  /** Whether a file's lines are limited in their rate: then there may be notes. */
  readonly hasLimits: boolean;
  /** The bounds on lines of files whose lines are looked at as a whole. */
  readonly limits: LineLimits;
  /** The bounds on lines of a file of this path. */
  limitsFor(path: string): LineLimits;
  /** A chunk with its pieces as the rules leave them. */
  apply(chunk: Chunk): Chunk;
  /**
   * Lines that tell what was dropped of files, where nothing of the file itself brings them.
   * @param isLast nothing more is read: all that is not told is told.
   */
  notes(isLast?: boolean): Chunk[];
}

/** Paths of which it is remembered what counts for them. */
const MAX_REMEMBERED = 50_000;

/** What counts for a path. */
interface Matching {
  /** The entries, by number. */
  readonly key: string;
  readonly isEmpty: boolean;
  readonly looksAtText: boolean;
}

/**
 * Makes the rules on lines. What counts for all files comes first, then every entry whose paths match, in their order: lists add up,
 * and of single values the last one holds. Files for which the same entries count share what is made of them.
 * @returns undefined where there are no rules.
 * @throws {Error} for patterns that `globProblem` or `rustRegexProblem` tells a problem of.
 */
export function compileLineRules(options: LineRuleOptions): CompiledLineRules | undefined {
  const { rules, limits, emit, createRedactor, namesOf = onlyName, clock = () => performance.now() } = options;
  const entries = rules.pathRules.map((rule) => ({ rule, globs: rule.paths.map((path) => globMatcher(path)) }));
  const heldLimits = limitsUnderRules(limits);
  const finders = new Finders();
  const remembered = new Map<string, Matching>();
  const memories = new WeakMap<ChunkSource, FileMemory>();
  /** Files of which lines were dropped that were not told. */
  const untold = new Map<
    ChunkSource,
    { readonly file: string; readonly memory: FileMemory; readonly rate: number | undefined }
  >();

  const rulesOf = (key: string): LineRules =>
    (key === "" ? [] : key.split(",")).reduce<LineRules>((all, at) => {
      const more = entries[Number(at)]?.rule;
      return more === undefined ? all : withMore(all, more);
    }, rules);
  const stages = new StageCache((key) => {
    const all = rulesOf(key);
    const redactor = all.redact.length === 0 ? undefined : createRedactor(all.redact, all.redactAs ?? "mask");
    return new LineStage(all, { emit, clock, redactor, whole: heldLimits.whole, finders });
  });
  const matchingOf = (path: string): Matching => {
    let matching = remembered.get(path);
    if (matching !== undefined) return matching;
    const names = namesOf(path);
    const key = entries.flatMap(({ globs }, at) => (fitsAny(globs, names) ? [at] : [])).join();
    const all = rulesOf(key);
    matching = { key, isEmpty: isEmpty(all), looksAtText: looksAtText(all) };
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(path, matching);
    return matching;
  };

  if (isEmpty(rules) && rules.pathRules.every(isEmpty)) return undefined;
  // A mistake in a pattern shows now, not when a file comes that it counts for.
  for (const key of ["", ...entries.keys()]) stages.of(String(key));
  return {
    hasLimits: [rules, ...rules.pathRules].some(({ rateLimit }) => rateLimit !== undefined),
    limits: heldLimits,
    limitsFor: (path) => (matchingOf(path).looksAtText ? heldLimits : limits),
    apply: (chunk) => {
      const matching = matchingOf(chunk.file);
      if (matching.isEmpty) return chunk;
      const stage = stages.of(matching.key);
      let memory = memories.get(chunk.source);
      if (memory === undefined) {
        memory = {};
        memories.set(chunk.source, memory);
      }
      const applied = stage.apply(chunk, memory);
      if (memory.limit?.hasDropped === true) untold.set(chunk.source, { file: chunk.file, memory, rate: stage.rate });
      return applied;
    },
    notes: (isLast = false) => {
      const notes: Chunk[] = [];
      for (const [source, { file, memory, rate }] of untold) {
        const dropped = memory.limit?.takeDropped(clock(), isLast);
        if (dropped !== undefined) notes.push(noteChunk(source, file, noteOf(dropped, rate)));
        if (memory.limit?.hasDropped !== true) untold.delete(source);
      }
      return notes;
    },
  };
}

/** A note that is shipped with nothing of its file. */
function noteChunk(source: ChunkSource, file: string, note: Piece): Chunk {
  return {
    ...{ bytes: Buffer.alloc(0), pieces: [note], start: 0, file, readAt: Date.now(), source },
    positionAfter: (offset) => ({ offset, anchor: new Uint8Array(0), lineStart: offset, part: 0 }),
  };
}

function withMore(first: LineRules, more: LineRules): LineRules {
  return {
    lineExclusion: [...first.lineExclusion, ...more.lineExclusion],
    lineInclusion: [...first.lineInclusion, ...more.lineInclusion],
    lineRedact: [...first.lineRedact, ...more.lineRedact],
    redact: [...new Set([...first.redact, ...more.redact])],
    redactAs: more.redactAs ?? first.redactAs,
    multiline: more.multiline ?? first.multiline,
    rateLimit: more.rateLimit ?? first.rateLimit,
    sample: more.sample ?? first.sample,
  };
}

function isEmpty(rules: LineRules): boolean {
  return !looksAtText(rules) && rules.rateLimit === undefined && (rules.sample ?? 1) === 1;
}

function looksAtText({ lineExclusion, lineInclusion, lineRedact, redact }: LineRules): boolean {
  return [lineExclusion, lineInclusion, lineRedact, redact].some((list) => list.length > 0);
}
