import { Buffer } from "node:buffer";
import type { Chunk, ChunkSource } from "../../chunk.ts";
import type { LineRules, PathRule, RedactionPreset, RedactionStyle } from "../../config/line_options.ts";
import type { LineLimits, Piece } from "../../lines/pieces.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { globMatcher } from "../glob.ts";
import { fitsAny, type NamesOf, onlyName } from "../real_root.ts";
import type { Redactor } from "../redaction/mod.ts";
import { type FileMemory, LineStage } from "./line_stage.ts";
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
  const stages = new Map<string, LineStage | undefined>();
  const remembered = new Map<string, LineStage | undefined>();
  const memories = new WeakMap<ChunkSource, FileMemory>();
  /** Files of which lines were dropped that were not told. */
  const untold = new Map<
    ChunkSource,
    { readonly file: string; readonly memory: FileMemory; readonly stage: LineStage }
  >();

  const stageOf = (matching: readonly PathRule[], key: string): LineStage | undefined => {
    if (stages.has(key)) return stages.get(key);
    const all = matching.reduce<LineRules>(withMore, rules);
    const redactor = all.redact.length === 0 ? undefined : createRedactor(all.redact, all.redactAs ?? "mask");
    const stage = isEmpty(all) ? undefined : new LineStage(all, { emit, clock, redactor, whole: heldLimits.whole });
    stages.set(key, stage);
    return stage;
  };
  const stageFor = (path: string): LineStage | undefined => {
    if (remembered.has(path)) return remembered.get(path);
    const names = namesOf(path);
    const matching = entries.filter(({ globs }) => fitsAny(globs, names));
    const key = matching.map((entry) => entries.indexOf(entry)).join();
    const stage = stageOf(
      matching.map(({ rule }) => rule),
      key,
    );
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(path, stage);
    return stage;
  };

  if (isEmpty(rules) && rules.pathRules.every(isEmpty)) return undefined;
  // A mistake in a pattern shows now, not when a file comes that it counts for.
  stageOf([], "");
  for (const [at, { rule }] of entries.entries()) stageOf([rule], String(at));
  return {
    hasLimits: [rules, ...rules.pathRules].some(({ rateLimit }) => rateLimit !== undefined),
    limits: heldLimits,
    limitsFor: (path) => (stageFor(path)?.looksAtText === true ? heldLimits : limits),
    apply: (chunk) => {
      const stage = stageFor(chunk.file);
      if (stage === undefined) return chunk;
      let memory = memories.get(chunk.source);
      if (memory === undefined) {
        memory = {};
        memories.set(chunk.source, memory);
      }
      const applied = stage.apply(chunk, memory);
      if (memory.limit?.hasDropped === true) untold.set(chunk.source, { file: chunk.file, memory, stage });
      return applied;
    },
    notes: (isLast = false) => {
      const notes: Chunk[] = [];
      for (const [source, { file, memory, stage }] of untold) {
        const dropped = memory.limit?.takeDropped(clock(), isLast);
        if (dropped !== undefined) notes.push(noteChunk(source, file, stage.noteOf(dropped)));
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
  const { lineExclusion, lineInclusion, lineRedact, redact, rateLimit, sample } = rules;
  const hasList = [lineExclusion, lineInclusion, lineRedact, redact].some((list) => list.length > 0);
  return !hasList && rateLimit === undefined && (sample ?? 1) === 1;
}
