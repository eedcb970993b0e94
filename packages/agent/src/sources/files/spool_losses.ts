import type { StoredSegment } from "../../state/spool_records.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { SpooledFile } from "./spooled_file.ts";

/** Says and counts what is lost of deleted files: each byte once, and none that was read. */
export class SpoolLosses {
  readonly #limit: number;
  readonly #emit: (event: AgentEvent) => void;

  /** @param limit bytes on disk that the spool may take. */
  constructor(limit: number, emit: (event: AgentEvent) => void) {
    this.#limit = limit;
    this.#emit = emit;
  }

  /** A segment was dropped to make room. */
  dropped(item: SpooledFile, segment: StoredSegment): void {
    const bytes = unreadIn(item, segment);
    if (bytes > 0) this.#emit({ name: "spool_dropped", path: item.file.path, bytes, limit: this.#limit });
  }

  /** A segment does not hold what it should. */
  damaged(item: SpooledFile, segment: StoredSegment, reason: string): void {
    const bytes = unreadIn(item, segment);
    if (bytes > 0) this.#emit({ name: "spool_damaged", path: item.file.path, bytes, reason });
  }

  /** What a deleted file of `size` bytes had beyond what was copied is gone. */
  tail({ file, end }: SpooledFile, size: number): void {
    const bytes = size - Math.max(end, file.position.offset);
    if (bytes > 0) this.#emit({ name: "file_lost_unread", path: file.path, bytes });
  }
}

function unreadIn({ file }: SpooledFile, { start, end }: StoredSegment): number {
  return end - Math.max(start, file.position.offset);
}
