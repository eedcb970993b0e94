import { readFileSync } from "node:fs";

const KiB = 1024;
const MAPPING = /^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \S+ *(.*)$/;
const AMOUNT = /^(Rss|Private_Clean|Private_Dirty): +(\d+) kB$/;

/** What the memory of a process consists of, in bytes; only what no other process shares, but for the first. */
export interface MemoryKinds {
  /** Pages of the program and its libraries as they are on disk: shared with whoever runs the same, and reclaimable. */
  readonly sharedFiles: number;
  /** Pages of files that were written to, such as relocated addresses. */
  readonly ownFiles: number;
  /** What malloc(3) took at the end of the data segment. */
  readonly mallocHeap: number;
  /** Code that was compiled while it ran. */
  readonly compiledCode: number;
  /** The heap of JavaScript, stacks of threads, buffers, and other arenas of malloc(3). */
  readonly anonymous: number;
}

export function memoryKinds(pid: number): MemoryKinds {
  return parseSmaps(readFileSync(`/proc/${pid}/smaps`, "latin1"));
}

/** Reads the text of `/proc/PID/smaps`. */
export function parseSmaps(text: string): MemoryKinds {
  const kinds = { sharedFiles: 0, ownFiles: 0, mallocHeap: 0, compiledCode: 0, anonymous: 0 };
  let kind: Exclude<keyof MemoryKinds, "sharedFiles"> = "anonymous";
  for (const line of text.split("\n")) {
    const [, access = "", name] = MAPPING.exec(line) ?? [];
    if (name !== undefined) {
      if (name.startsWith("/")) kind = "ownFiles";
      else if (name === "[heap]") kind = "mallocHeap";
      else kind = access.includes("x") ? "compiledCode" : "anonymous";
    }
    const [, what, size] = AMOUNT.exec(line) ?? [];
    const bytes = Number(size) * KiB;
    if (what === "Rss" && kind === "ownFiles") kinds.sharedFiles += bytes;
    if (what === "Private_Clean" || what === "Private_Dirty") {
      kinds[kind] += bytes;
      if (kind === "ownFiles") kinds.sharedFiles -= bytes;
    }
  }
  return kinds;
}
