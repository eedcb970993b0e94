import { Buffer } from "node:buffer";
import { closeSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { ChunkSource, SentRange } from "../../chunk.ts";
import type { Checkpoint } from "../../state/state_store.ts";

/** Bytes before a position that are kept to recognise it again. */
export const ANCHOR_BYTES = 64;
/** Bytes from the beginning of a file that tell it from others with the same inode number. */
export const HEAD_BYTES = 1024;

export const BEGINNING: Checkpoint = { offset: 0, anchor: new Uint8Array(0), lineStart: 0, part: 0 };

/** The first bytes of a file, as a check sum. */
export interface Head {
  readonly length: number;
  readonly crc: number;
  /** The bytes themselves, while the file is open and has fewer than {@link HEAD_BYTES}: a copy of it may have fewer still. */
  readonly bytes?: Uint8Array;
}

export const EMPTY_HEAD: Head = { length: 0, crc: 0 };

/** How a tailed file stands with the directory that it was found in. */
export type Presence =
  /** It has a name that the rules include. */
  | "present"
  /** Renamed to a name that is not included, or its name went to another file: what it still holds is drained. */
  | "rotated"
  /** It has no name any more. */
  | "deleted";

let moments = 0;

/** The number of a moment, higher than that of every earlier one: it tells what was looked at before what. */
export function moment(): number {
  moments += 1;
  return moments;
}

/** Keys of the registries: device and inode number. */
export function inodeKey(dev: bigint, ino: bigint): string {
  return `${dev}:${ino}`;
}

/** True when two times of birth are known and differ: then an inode number was used again. */
export function bornApart(one: bigint, other: bigint): boolean {
  return one !== 0n && other !== 0n && one !== other;
}

/** True when two times of birth are known and the same: then it is one file, whatever it holds now. */
export function bornTogether(one: bigint, other: bigint): boolean {
  return one !== 0n && one === other;
}

/**
 * One file that is followed: which file it is (device, inode, first bytes), how far it was read, how far that was
 * acknowledged, and what is on its way in between.
 */
export class TailedFile implements ChunkSource {
  dev: bigint;
  ino: bigint;
  /** Time of birth in nanoseconds since the epoch (statx(2)); 0 where it is not known. */
  born: bigint;
  /** Its row in the state; 0 before it has one. */
  id = 0;
  /** The name that its lines are shipped under: the first included one it was found by. */
  path: string;
  /** Every name that it is known by now. */
  readonly names = new Set<string>();
  presence: Presence = "present";
  #head: Head;
  /** When what it holds was first seen: a number that only grows, and that no other file has. See {@link moment}. */
  seenAt = moment();
  /** Bytes of the head that the state has. */
  headNoted = 0;
  /** What is older of its log, than what it holds, was looked for in this run. */
  olderMet = false;
  /** Up to here it was read and handed on. */
  position: Checkpoint;
  /** Up to here everything was acknowledged. */
  checkpoint: Checkpoint;
  /** The open descriptor, -1 while the file is cold. */
  fd = -1;
  /** It waits in the queue of files that may have something to read. */
  queued = false;
  /**
   * Size of the file when it was last looked at, in bytes, and its time of modification, in nanoseconds. Of a file that was
   * truncated since, it is the size before: what lies behind the position was there.
   */
  size = 0;
  mtimeNs = 0n;
  /** Bytes behind `position` that were seen and are not a whole line yet, or not a whole event. */
  pending = 0;
  /** Whole lines are among these bytes: they may go on. */
  held = false;
  /** When these lines are given out as they are, unless the file grows; on the clock of `activeAt`. */
  heldUntil = 0;
  /** The offset up to which lines were given out without waiting for what might go on from there; -1 for none. */
  cutAt = -1;
  /** When it last gave new bytes, or changed its presence; milliseconds of a monotonic clock. */
  activeAt = 0;
  /** When it last gave new bytes, and how long after those before; same clock. */
  gaveAt = Number.NEGATIVE_INFINITY;
  gapMs = Number.POSITIVE_INFINITY;
  /** Events tell of what comes to it: an event told of what came last. */
  told = false;
  /** A poll has put it into the queue, not an event. */
  isPolled = false;
  /** When it was last polled; same clock. */
  polledAt = Number.NEGATIVE_INFINITY;
  /** When it was last seen to have another size, or to have changed its presence; same clock. */
  grownAt = 0;
  /** It has no place in the state any more, and gets none. */
  abandoned = false;
  /** Its head was compared since it was last opened. */
  verified = false;
  /**
   * Its descriptor is of bytes that were unpacked from the spool, at their offsets: a part that the next one follows on, or
   * one that nothing follows on.
   */
  unpacked: "part" | "end" | undefined;
  /** Offset from which on bytes were unpacked; what lies before it is not there. */
  unpackedFrom = 0;
  /** It was restored from a compressed form of it, but for what lies before the position at that time. */
  restored = false;
  readonly #sent: Range[] = [];
  readonly #onAcknowledged: (file: TailedFile) => void;

  constructor(init: {
    readonly dev: bigint;
    readonly ino: bigint;
    readonly born?: bigint;
    readonly path: string;
    readonly head: Head;
    readonly position: Checkpoint;
    /** Called when the checkpoint has moved. */
    readonly onAcknowledged: (file: TailedFile) => void;
  }) {
    this.dev = init.dev;
    this.ino = init.ino;
    this.born = init.born ?? 0n;
    this.path = init.path;
    this.#head = init.head;
    this.position = init.position;
    this.checkpoint = init.position;
    this.#onAcknowledged = init.onAcknowledged;
  }

  get head(): Head {
    return this.#head;
  }

  set head(head: Head) {
    // Until then it was empty: what it held before, and lost to a copy, nobody knows.
    if (this.#head.length === 0 && head.length > 0) this.seenAt = moment();
    this.#head = head;
  }

  get key(): string {
    return inodeKey(this.dev, this.ino);
  }

  /** Bytes on their way. */
  get inFlight(): number {
    return this.position.offset - this.checkpoint.offset;
  }

  /** True for a size at which the file was truncated: it has held more than that. */
  isTruncatedAt(size: number): boolean {
    return size < Math.max(this.position.offset, this.head.length);
  }

  /** Notes that it gave new bytes. @param now on the clock of `activeAt`. */
  gave(now: number): void {
    this.activeAt = now;
    this.gapMs = now - this.gaveAt;
    this.gaveAt = now;
    if (this.isPolled) this.told = false;
  }

  /** Notes its size. @param now on the clock of `grownAt`. */
  sees(size: number, now: number): void {
    if (size === this.size || this.isTruncatedAt(size)) return;
    this.size = size;
    this.grownAt = now;
  }

  /** Leaves out what lies before an offset, which was counted as lost; a line begins there, or what is left of one. */
  skipTo(offset: number): void {
    const end: Checkpoint = { ...BEGINNING, offset, lineStart: offset };
    const range = this.sent(this.position.offset, end);
    this.position = end;
    this.pending = 0;
    this.held = false;
    range.acknowledge();
  }

  sent(start: number, end: Checkpoint): SentRange {
    const range = new Range(this, start, end);
    this.#sent.push(range);
    return range;
  }

  /** Called by a range that was acknowledged: moves the checkpoint over the contiguous run at the front. */
  settle(): void {
    let moved = false;
    for (let first = this.#sent[0]; first?.acknowledged; first = this.#sent[0]) {
      this.#sent.shift();
      first.settled = true;
      this.checkpoint = first.to;
      moved = true;
    }
    if (moved) this.#onAcknowledged(this);
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
    this.verified = false;
    this.unpacked = undefined;
    this.head = { length: this.head.length, crc: this.head.crc };
  }
}

class Range implements SentRange {
  readonly #file: TailedFile;
  readonly start: number;
  to: Checkpoint;
  acknowledged = false;
  settled = false;

  constructor(file: TailedFile, start: number, to: Checkpoint) {
    this.#file = file;
    this.start = start;
    this.to = to;
  }

  get fileId(): number {
    return this.#file.id;
  }

  get end(): number {
    return this.to.offset;
  }

  get lineStart(): number {
    return this.to.lineStart;
  }

  extend(end: Checkpoint): void {
    this.to = end;
  }

  acknowledge(): void {
    if (this.acknowledged) return;
    this.acknowledged = true;
    this.#file.settle();
  }
}

const scratch = Buffer.allocUnsafeSlow(HEAD_BYTES);

/** Reads the head of an open file, of at most `length` bytes. @throws a system error. */
export function readHead(fd: number, length = HEAD_BYTES): Head {
  const bytes = scratch.subarray(0, readSync(fd, scratch, 0, Math.min(length, HEAD_BYTES), 0));
  const head = { length: bytes.length, crc: crc32(bytes) };
  return bytes.length < HEAD_BYTES ? { ...head, bytes: new Uint8Array(bytes) } : head;
}

/** How an open file of `size` bytes compares with a head, which may be of more bytes than it has. @throws a system error. */
export function compareHead(fd: number, size: number, head: Head): "same" | "other" | "unknown" {
  if (size >= head.length) return hasHead(fd, head) ? "same" : "other";
  if (head.bytes === undefined) return "unknown";
  const { bytes = head.bytes } = readHead(fd, size);
  return Buffer.compare(bytes, head.bytes.subarray(0, bytes.length)) === 0 ? "same" : "other";
}

/** True when an open file begins with the bytes that `head` was made of. @throws a system error. */
export function hasHead(fd: number, head: Head): boolean {
  if (head.length === 0) return true;
  const found = readHead(fd, head.length);
  return found.length === head.length && found.crc === head.crc;
}

/** True when an open file has the anchor of a position right before it. @throws a system error. */
export function hasAnchor(fd: number, position: Checkpoint): boolean {
  const { anchor, offset } = position;
  if (anchor.length === 0) return true;
  const bytes = scratch.subarray(0, readSync(fd, scratch, 0, anchor.length, offset - anchor.length));
  return bytes.equals(anchor);
}
