import type { BatchBytes } from "../batch/batcher.ts";
import type { Chunk } from "../chunk.ts";
import type { Config } from "../config/mod.ts";
import { ContainerDirs } from "../containers/container_dirs.ts";
import { containerJoinerFor } from "../lines/containers/mod.ts";
import { type LineFields, lineFields } from "../lines/fields/line_fields.ts";
import { multilineFor } from "../lines/multiline/mod.ts";
import type { LineLimits, Piece } from "../lines/pieces.ts";
import { LineExplainer, type LineExplainerOptions } from "../rules/lines/line_explainer.ts";
import { type CompiledLineRules, compileLineRules } from "../rules/lines/line_rules.ts";
import { limitsUnderRules } from "../rules/lines/whole_lines.ts";
import { type NamesOf, realRoots } from "../rules/real_root.ts";
import { ChunkReader, readAhead } from "../sources/files/chunk_reader.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../sources/files/tailed_file.ts";
import { FilePass } from "./file_pass.ts";
import type { LogSource } from "./log_source.ts";
import type { PreviewLine } from "./preview_line.ts";
import { linesIn, unitsOf } from "./unit.ts";
import { Wire } from "./wire.ts";

export interface PreviewerOptions {
  readonly config: Config;
  readonly createRedactor: LineExplainerOptions["createRedactor"];
}

const NEWLINE = 10;

/** What becomes of the next bytes of a file. */
export interface PreviewedChunk {
  readonly lines: readonly PreviewLine[];
  readonly bytes: BatchBytes;
  /** The last line has no newline. */
  readonly isOpen: boolean;
}

/**
 * Shows what an agent ships of files that nobody writes to any more, by the very parts of the agent: reading, joining, rules,
 * fields, bodies. The limits on the rate of lines are left out, since the lines do not come at their times.
 */
export class Previewer {
  readonly #options: PreviewerOptions;
  readonly #limits: LineLimits;
  readonly #rules: CompiledLineRules | undefined;
  readonly #wire: Wire;
  readonly #namesOf: NamesOf;
  /** The fields of the lines of a file; undefined where its path is all that is said. */
  readonly fieldsOf: ((path: string) => LineFields) | undefined;

  constructor(options: PreviewerOptions) {
    const { config, createRedactor } = options;
    this.#options = options;
    this.#namesOf = realRoots(config.logDirs).namesOf;
    const namesOf = this.#namesOf;
    this.#limits = { maxPart: config.lineMaxPart, maxLine: config.lineMax };
    this.#rules = compileLineRules({
      rules: {
        ...config,
        rateLimit: undefined,
        pathRules: config.pathRules.map((rule) => ({ ...rule, rateLimit: undefined })),
      },
      createRedactor,
      limits: this.#limits,
      emit: () => undefined,
      namesOf,
    });
    this.fieldsOf = lineFields(config, { hostname: config.hostname, environment: config.fieldEnvironment, namesOf });
    this.#wire = new Wire({ maxBody: config.ingestBufferSize, fieldsOf: this.fieldsOf });
  }

  /** Bytes that are looked at again after they were read, at most. */
  get lookback(): number {
    return 2 * this.#reach;
  }

  /** Bytes of one read, at most. */
  get #reach(): number {
    return readAhead(limitsUnderRules(this.#limits));
  }

  /**
   * Goes over the lines of a file.
   * @param path what it is to the rules.
   * @param most lines that are looked at; what begins behind them is left out.
   * @throws {Error} a system error, or that the file is another than it was.
   */
  async *lines(source: LogSource, path: string, most = Number.POSITIVE_INFINITY): AsyncGenerator<PreviewedChunk> {
    const file = new TailedFile({
      ...{ dev: 0n, ino: 0n, path, head: EMPTY_HEAD, position: BEGINNING },
      onAcknowledged: () => undefined,
    });
    file.fd = source.fd;
    const namesOf = this.#namesOf;
    const { config } = this.#options;
    const joinerFor = containerJoinerFor(
      config,
      new ContainerDirs(config.containerDirs),
      multilineFor(config, namesOf),
    );
    const perPath = { limitsFor: this.#rules?.limitsFor, joinerFor };
    const reader = new ChunkReader(this.#limits, () => 0, perPath, source.readAt);
    const explainer = new LineExplainer({ ...this.#options, rules: this.#options.config, namesOf }, path);
    const pass = new FilePass(explainer, limitsUnderRules(this.#limits).whole);
    for (let left = most; ; ) {
      const outcome = reader.read(file, source.endsBefore(file.position.offset + this.#reach));
      if (outcome.kind === "rewritten") throw new Error("it was changed while it was read");
      if (outcome.kind === "nothing") {
        if (file.pending > 0) throw new Error("its end could not be read");
        return;
      }
      const { chunk, left: rest } = cutAfter(outcome.chunk, left);
      if (chunk.bytes.length === 0) return;
      left = rest;
      const ruled = this.#rules?.apply(chunk) ?? chunk;
      const shipment = await this.#wire.shipmentOf(ruled);
      yield {
        lines: pass.linesOf(chunk, ruled, shipment),
        bytes: shipment.bytes,
        isOpen: chunk.bytes.at(-1) !== NEWLINE,
      };
      // Of a long line all parts are shown, whichever chunk they are in.
      const isWhole = file.position.lineStart === file.position.offset;
      if (chunk.bytes.length < outcome.chunk.bytes.length || (left <= 0 && isWhole)) return;
    }
  }
}

/** A chunk as far as it has the beginnings of so many lines, and how many are left. */
function cutAfter(chunk: Chunk, most: number): { chunk: Chunk; left: number } {
  if (most === Number.POSITIVE_INFINITY) return { chunk, left: most };
  let left = most;
  let end = 0;
  for (const unit of unitsOf(chunk.bytes, chunk.pieces)) {
    const lines = linesIn(unit);
    if (lines > 0 && left <= 0) break;
    left -= lines;
    end = unit.to;
  }
  const pieces = chunk.pieces.flatMap((piece): Piece[] =>
    piece.from >= end ? [] : [piece.kind === "lines" ? { ...piece, to: Math.min(piece.to, end) } : piece],
  );
  return { chunk: { ...chunk, bytes: chunk.bytes.subarray(0, end), pieces }, left };
}
