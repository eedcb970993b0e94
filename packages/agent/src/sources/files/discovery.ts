import { type BigIntStats, closeSync, fstatSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { KnownFile } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { WatchSink } from "../../watch/sink.ts";
import { stemOf } from "./compressed.ts";
import { isRotationOf, rotatedFrom } from "./copies.ts";
import type { CopyWatch, Decided } from "./copy_watch.ts";
import type { EarlierFiles } from "./earlier_files.ts";
import type { FileNames } from "./file_names.ts";
import type { FileRecords } from "./file_records.ts";
import { type AgentLife, endPosition, fromBeginning, type Lookback } from "./first_position.ts";
import type { HotFiles } from "./hot_files.ts";
import type { LinkedFiles } from "./linked_files.ts";
import { type LogTarget, targetOf } from "./log_target.ts";
import type { MissedForms } from "./missed_forms.ts";
import { errnoName, type OpenRefusal, openLog } from "./open_log.ts";
import type { Refusals } from "./refusals.ts";
import {
  BEGINNING,
  bornApart,
  bornTogether,
  compareHead,
  hasAnchor,
  hasHead,
  inodeKey,
  readHead,
  type TailedFile,
} from "./tailed_file.ts";

/** Why a name is met, as the watcher tells it. */
export type EntryReason = Parameters<WatchSink["entry"]>[1];

interface DiscoveryOptions {
  readonly roots: readonly string[];
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly lookback: Lookback;
  readonly life: AgentLife;
  /** What was there at this time was seen by now, in milliseconds since the epoch. */
  readonly seenUntil: () => number | undefined;
  /** Bytes of a line that are looked through for its beginning. */
  readonly maxPart: number;
  /** Inode keys of files that must never be shipped: the agent's own log. */
  readonly excludedInodes: ReadonlySet<string>;
  readonly names: FileNames;
  readonly hot: HotFiles;
  readonly linked: LinkedFiles;
  readonly records: FileRecords;
  readonly earlier: EarlierFiles;
  readonly copies: CopyWatch;
  readonly missed: MissedForms;
  readonly refusals: Refusals;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** A file is not the one that was known by its inode. */
  readonly onRewritten: (file: TailedFile) => void;
  /** The inode number of a closed file is another file's. */
  readonly onReplaced: (file: TailedFile) => void;
  /** The same of a file of an earlier run. */
  readonly onEarlierReplaced: (known: KnownFile) => void;
  /** Something waits that no event tells of. */
  readonly onUntold: () => void;
}

/** A file that was opened, and is to be followed or closed. */
interface FoundFile extends LogTarget {
  readonly path: string;
  readonly fd: number;
}

/** What is known of a file that is to be followed. */
interface Found {
  readonly stored?: KnownFile | undefined;
  /** It came under the eyes of the agent. */
  readonly appeared: boolean;
  /** For a rotated file that was never met under its own name: that name. */
  readonly shipsAs?: string | undefined;
}

/** What a file is recognised by when its inode number is met. */
type Identity = Pick<TailedFile, "born" | "head" | "position">;

function fileOf({ born, headLength, headCrc, checkpoint }: KnownFile): Identity {
  return { born, head: { length: headLength, crc: headCrc }, position: checkpoint };
}

/** Copies that may be held open at once while it is not known what they are. */
const MAX_SUSPECTS = 64;
/** Rotated forms that are remembered as not followed; so many have hundreds of logs. */
const MAX_PASSED = 10_000;

/**
 * What a name turns out to be: a new file and where its reading begins, a file of an earlier run, another name of a followed
 * one, a rotated file that nobody looked at, what may be a copy of another file, or nothing that is read.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** Devices that followed files are on. */
  readonly #devices = new Set<bigint>();
  /** Sizes at the start of files that could not be read then: what was in them before is as old as in any other file. */
  readonly #unreadableSizes = new Map<string, number>();
  /** Names met in the first scan that may be files nobody looked at; each may yet turn out to be a copy. */
  #missed: { readonly path: string; readonly appeared: boolean }[] = [];
  /** Rotated forms that are not followed: what was there before the first run, and copies that were not made by rotations. */
  readonly #passed = new Set<string>();
  #scanning = true;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Ends the first scan: what is found from now on has appeared. */
  scanned(): void {
    this.#scanning = false;
    const missed = this.#missed;
    this.#missed = [];
    const { includes, names, earlier, onEarlierReplaced } = this.#options;
    for (const { path, appeared } of missed) {
      if (names.at(path) === undefined) this.#followMissed(path, appeared);
      // It may be another name of what was met.
      if (names.at(path) === undefined && includes(path)) this.meet(path, appeared);
    }
    for (const known of earlier.takeReplaced()) onEarlierReplaced(known);
  }

  /** A name is met that belongs to no followed file. @param created the name is new for certain. */
  meet(path: string, created: boolean): void {
    const { includes, excludedInodes, names, earlier, copies, refusals } = this.#options;
    const included = includes(path);
    if (!included && !this.#mayBeRotated()) return this.#passOld(path);
    const target = included ? this.#target(path) : plainTarget(path);
    if (target === undefined) return;
    const { stat } = target;
    // On a device that is known, what is found later came later, such as a directory that was moved here with its
    // files. A device that is new was mounted, with files as old as those that are there at the start; likewise what
    // could not be read at the start.
    const appeared = !this.#unreadableSizes.has(path) && (created || (!this.#scanning && this.#devices.has(stat.dev)));
    const key = inodeKey(stat.dev, stat.ino);
    if (excludedInodes.has(key)) return refusals.ownLog(path);
    const known = names.of(key);
    if (known !== undefined) {
      const isItsOwn = known.names.size > 0 && (included || bornTogether(known.born, stat.birthtimeNs));
      if (known.fd >= 0 || !this.#isAnother(path, stat, isItsOwn, known)) return this.#alias(path, target, known);
      this.#options.onReplaced(known);
    }
    if (copies.meets(key, path) || (!included && this.#passed.has(contentKey(stat)))) return;
    let stored = earlier.of(key);
    const isItsOwn = included || bornTogether(stored?.born ?? 0n, stat.birthtimeNs);
    if (stored !== undefined && this.#isAnother(path, stat, isItsOwn, fileOf(stored))) {
      // What the scan has not met yet may be a copy of it.
      if (this.#scanning) earlier.replace(stored);
      else {
        earlier.met(stored);
        this.#options.onEarlierReplaced(stored);
      }
      stored = undefined;
    }
    if (!included && stemOf(basename(path)) !== undefined) return this.#meetCompressed(path, stat);
    // Known under this very name and not to be shipped: the rules have changed, and may change back.
    if (!included && stored?.path === path) return;
    const original = appeared && stored === undefined ? this.#original(path) : undefined;
    if (original === undefined && stored === undefined && (!included || this.#scanning)) {
      const isMissed = this.#missedAs(path, stat, appeared) !== undefined;
      if (isMissed && this.#scanning) this.#missed.push({ path, appeared });
      else if (isMissed) this.#followMissed(path, appeared);
      if (isMissed || !included) return;
    }
    const found = this.#open(path, target);
    if (found === undefined) return;
    refusals.forget(path);
    if (original !== undefined && copies.size < MAX_SUSPECTS) {
      if (!this.#differs(found, original)) return this.#suspect(found, original);
      closeSync(found.fd);
      this.decided({ path, stat, differs: true });
    } else if (!included && stored === undefined) closeSync(found.fd);
    else this.#follow(found, { stored, appeared });
  }

  /** A compressed file is never read as it is; it may be all that is left of a log that nobody looked at. */
  #meetCompressed(path: string, stat: BigIntStats): void {
    const { life, missed, lookback, seenUntil } = this.#options;
    const seen = this.#scanning ? life.lastAlive : (seenUntil() ?? life.startedAt);
    // Without a time of birth, a rotation that gives it another name makes an old one look new.
    if (seen === undefined || stat.birthtimeMs <= seen || stat.mtimeMs <= seen) return;
    if (this.#scanning && (lookback === "none" || lookback === "tail")) return;
    const original = missed.originalOf(path);
    if (original === undefined) return;
    this.checkContents(original);
    missed.add(path, original);
  }

  /** Compares a followed name with what is there now, and wakes the file when it has changed. */
  look(path: string, file: TailedFile, why: EntryReason): void {
    const { names, hot, refusals } = this.#options;
    let stat: BigIntStats;
    try {
      stat = lstatSync(path, { bigint: true });
      if (stat.isSymbolicLink()) stat = lstatSync(realpathSync(path), { bigint: true });
    } catch (error) {
      if (errnoName(error) === "ENOENT") names.detach(path, file, "deleted");
      return;
    }
    if (stat.ino !== file.ino || stat.dev !== file.dev || (file.fd < 0 && bornApart(stat.birthtimeNs, file.born))) {
      // Of changed attributes an event may tell before the one that tells of the rename.
      if (why === "attributes") return;
      names.detach(path, file, "rotated");
      this.meet(path, true);
    } else if (Number(stat.size) !== file.size || stat.mtimeNs !== file.mtimeNs || refusals.has(path)) {
      hot.wake(file);
    }
  }

  /** What becomes of a file that was held as a possible copy, and is none. */
  decided({ path, stat, differs }: Decided): void {
    const { includes } = this.#options;
    const included = includes(path);
    if (!differs && !included) return this.#passOver(stat);
    const now = this.#target(path)?.stat;
    // It was renamed, and is met again under the name that it has now.
    if (now !== undefined && (now.ino !== stat.ino || now.dev !== stat.dev)) return this.meet(path, true);
    if (!included) return this.#followMissed(path, true);
    const found = this.#openUnfollowed(path);
    if (found !== undefined) this.#follow(found, { appeared: true });
  }

  /** A name is gone, with what is known of it. */
  forget(path: string): void {
    this.#options.refusals.forget(path);
    this.#unreadableSizes.delete(path);
  }

  #alias(path: string, { realPath, stat }: LogTarget, file: TailedFile): void {
    const { names, hot, refusals } = this.#options;
    file.born = stat.birthtimeNs;
    refusals.forget(path);
    names.alias(path, realPath, file);
    hot.wake(file);
  }

  /**
   * Whether a name that has the inode number of a known file, which is not open, belongs to another file: one that was born
   * at another time or has a name that nobody writes to, and that does not begin as the known one did.
   * @param isItsOwn the file may have been truncated and written anew: it is called as logs are, or was born when it was.
   */
  #isAnother(path: string, stat: BigIntStats, isItsOwn: boolean, known: Identity): boolean {
    const isApart = bornApart(stat.birthtimeNs, known.born);
    if (!isApart && isItsOwn) return false;
    if (isApart && known.position.offset === 0) return true;
    if (Number(stat.size) < known.position.offset) return true;
    const opened = openLog(path, this.#options.roots);
    if (!("fd" in opened)) return false;
    try {
      return !hasHead(opened.fd, known.head) || !hasAnchor(opened.fd, known.position);
    } catch {
      return false;
    } finally {
      closeSync(opened.fd);
    }
  }

  /** Whether it is certain already that a new file is not the copy of another one. */
  #differs({ fd, stat }: FoundFile, original: TailedFile): boolean {
    try {
      const size = Number(stat.size);
      const compared = compareHead(fd, size, original.head);
      // It is shorter than what is known of the other by a check sum: the other itself tells, while it begins as it did.
      if (compared !== "unknown" || size === 0 || !this.#options.hot.open(original)) return compared === "other";
      return hasHead(original.fd, original.head) && readHead(fd, size).crc !== readHead(original.fd, size).crc;
    } catch {
      return true;
    }
  }

  /** Holds a new file open that may be the copy of another one. */
  #suspect({ path, fd, stat }: FoundFile, original: TailedFile): void {
    const { copies, clock, onUntold } = this.#options;
    copies.add({ path, fd, dev: stat.dev, ino: stat.ino, original, since: clock() });
    onUntold();
  }

  /** The followed file that a new name may be a rotated form of. */
  #original(path: string): TailedFile | undefined {
    const directory = dirname(path);
    for (const name of rotatedFrom(basename(path))) {
      const file = this.#options.names.at(join(directory, name));
      if (file !== undefined && this.#hasBegun(file)) return file;
    }
    return undefined;
  }

  /** Whether anything is in a file, which may have been empty when it was last looked at. */
  #hasBegun(file: TailedFile): boolean {
    const { hot } = this.#options;
    if (file.head.length > 0) return true;
    try {
      if (hot.open(file)) file.head = readHead(file.fd);
    } catch (error) {
      hot.fail(file, error);
    }
    return file.head.length > 0;
  }

  /** Names that are not included matter while they may be rotated forms of files that are. */
  #mayBeRotated(): boolean {
    const { earlier, names, life } = this.#options;
    return earlier.size > 0 || names.size > 0 || life.lastAlive !== undefined;
  }

  /** Follows, from its start, a rotated file that was never met under its own name. */
  #followMissed(path: string, appeared: boolean): void {
    const name = basename(path);
    for (const original of rotatedFrom(name))
      if (isRotationOf(name, original)) this.checkContents(join(dirname(path), original));
    const found = this.#openUnfollowed(path);
    if (found === undefined) return;
    const shipsAs = this.#missedAs(path, found.stat, appeared);
    if (shipsAs === undefined && !this.#options.includes(path)) closeSync(found.fd);
    else this.#follow(found, { stored: this.#copiedFrom(found, shipsAs), appeared, shipsAs });
  }

  /** The file of an earlier run that a rotated form is the copy of: that is gone itself, and was read up to a place in this one. */
  #copiedFrom({ fd, stat }: FoundFile, shipsAs = ""): KnownFile | undefined {
    const { earlier } = this.#options;
    let furthest: KnownFile | undefined;
    for (const known of earlier.goneFrom(shipsAs)) {
      if (known.checkpoint.offset <= (furthest?.checkpoint.offset ?? -1)) continue;
      if (goesOnIn(fd, Number(stat.size), known)) furthest = known;
    }
    if (furthest !== undefined) earlier.met(furthest);
    return furthest;
  }

  /**
   * A log may have been truncated before a rotated form of it came, and rotated away itself since: what it held until the
   * truncation is older, and what it holds is known.
   */
  checkContents(path: string): void {
    const { names, hot, onRewritten } = this.#options;
    for (const file of names.shippedAs(path)) {
      const isOpen = file.fd >= 0 || (names.at(path) === file && hot.open(file));
      if (!isOpen || file.restored || file.unpacked !== undefined || file.head.length === 0) continue;
      try {
        const size = Number(fstatSync(file.fd, { bigint: true }).size);
        if (file.isTruncatedAt(size) || !hasHead(file.fd, file.head)) onRewritten(file);
      } catch (error) {
        hot.fail(file, error);
      }
    }
  }

  /**
   * The name that a file had while nobody looked: it is called like a rotated form of a file that the rules include, by a
   * number or a date, and is younger than the last moment at which the agent is known to have looked.
   */
  #missedAs(path: string, stat: BigIntStats, appeared: boolean): string | undefined {
    const { life, lookback } = this.#options;
    const original = this.#nameBefore(path);
    // With these two, what came while the agent was down is skipped, whatever it is called.
    const seen = lookback === "none" || lookback === "tail" ? life.startedAt : life.lastAlive;
    const born = Number(stat.birthtimeMs) || Number(stat.ctimeMs);
    const isNew = appeared || (seen !== undefined && born > seen);
    if (original !== undefined && !isNew && !this.#options.includes(path)) this.#passOver(stat);
    return isNew ? original : undefined;
  }

  /** The name of the log that a name is, by a number or a date, a rotated form of; undefined where there is none that ships. */
  #nameBefore(path: string): string | undefined {
    const directory = dirname(path);
    const name = basename(path);
    return rotatedFrom(name)
      .filter((candidate) => isRotationOf(name, candidate))
      .map((candidate) => join(directory, candidate))
      .find(this.#options.includes);
  }

  /** What is found in the first scan of the first run is as old as the log that it may be a form of, which may come later. */
  #passOld(path: string): void {
    if (!this.#scanning || this.#nameBefore(path) === undefined) return;
    const target = plainTarget(path);
    if (target !== undefined) this.#passOver(target.stat);
  }

  /** A rotated form is not followed, also when rotation gives it another name. */
  #passOver(stat: BigIntStats): void {
    if (this.#passed.size < MAX_PASSED) this.#passed.add(contentKey(stat));
  }

  /** The file behind a name; undefined, with the reason said, where there is nothing to follow. */
  #target(path: string): LogTarget | undefined {
    const { roots, refusals } = this.#options;
    const target = targetOf(path, roots);
    if (target === undefined || "stat" in target) return target;
    refusals.refuse(path, target, "look at");
    return undefined;
  }

  #open(path: string, { realPath, stat }: LogTarget): FoundFile | undefined {
    const opened = openLog(realPath, this.#options.roots);
    if ("fd" in opened) return { path, realPath, ...opened };
    if (this.#scanning && isDenied(opened)) this.#unreadableSizes.set(path, Number(stat.size));
    this.#options.refusals.refuse(path, opened, "open");
    return undefined;
  }

  /** Opens the file behind a name, unless it is followed meanwhile. */
  #openUnfollowed(path: string): FoundFile | undefined {
    const target = this.#target(path);
    if (target === undefined || this.#options.names.of(inodeKey(target.stat.dev, target.stat.ino)) !== undefined)
      return undefined;
    return this.#open(path, target);
  }

  /** Starts following a file that is open and was not followed yet. */
  #follow(found: FoundFile, { stored, appeared, shipsAs }: Found): void {
    const { includes, lookback, maxPart, names, hot, linked, records, earlier, emit, clock } = this.#options;
    const { path, realPath, fd, stat } = found;
    const { dev, ino } = stat;
    const size = Number(stat.size);
    earlier.remove(inodeKey(dev, ino));
    const shippedAs = includes(path) ? path : (stored?.path ?? shipsAs ?? path);
    const file = names.follow(
      records.create({ dev, ino, born: stat.birthtimeNs, path: shippedAs, head: readHead(fd), position: BEGINNING }),
    );
    hot.add(file, fd);
    file.size = size;
    file.mtimeNs = stat.mtimeNs;
    let rewritten = false;
    if (lookback === "none" && !appeared && this.#scanning) {
      file.position = endPosition(fd, size, maxPart);
    } else if (stored !== undefined) {
      file.head = { length: stored.headLength, crc: stored.headCrc };
      file.position = stored.checkpoint;
      rewritten = size < file.position.offset || !hasHead(fd, file.head) || !hasAnchor(fd, file.position);
      file.id = stored.id;
      if (stored.missingSince > 0) records.changed(file);
      // A state of an older version did not know it, or the file moved within its file system.
      if (stored.born !== file.born || stored.ino !== ino || stored.dev !== dev) records.becameCopy(file);
    } else if (shipsAs === undefined) file.position = this.#firstPosition(found, appeared);
    this.#unreadableSizes.delete(path);
    file.checkpoint = file.position;
    names.attach(path, file);
    if (realPath !== path) names.attach(realPath, file);
    this.#devices.add(dev);
    if (realPath !== path) linked.add(file, realPath);
    names.leaveUnlessIncluded(file);
    emit({ name: "file_found", path, offset: file.position.offset, size });
    if (rewritten) return this.#options.onRewritten(file);
    if (stored === undefined || lookback === "none") records.keep(file);
    if (file.position.offset < size) {
      // It waits closed where many do.
      if (hot.tooMany && file.presence === "present") hot.putOff(file);
      this.#options.onReady(file);
    } else hot.retire(file);
    file.activeAt = clock();
    file.grownAt = file.activeAt;
  }

  /** Where reading begins in a file that is not known from an earlier run. */
  #firstPosition({ path, fd, stat }: FoundFile, appeared: boolean): TailedFile["position"] {
    const { lookback, life, maxPart, earlier } = this.#options;
    const size = Number(stat.size);
    const times = { bornAt: Number(stat.birthtimeMs), changedAt: Number(stat.ctimeMs) };
    const unknown = { size, ...times, appeared, succeeds: earlier.followed(path) };
    if (fromBeginning(lookback, unknown, life)) return BEGINNING;
    // What could not be read at the start is as old as in any other file; what came since then is new.
    return endPosition(fd, Math.min(this.#unreadableSizes.get(path) ?? size, size), maxPart);
  }
}

/** Whether an open file has what was read of another one, and where that ended. */
function goesOnIn(fd: number, size: number, { headLength, headCrc, checkpoint }: KnownFile): boolean {
  // An empty file has a copy in every other one.
  if (headLength === 0 || size < checkpoint.offset) return false;
  try {
    return hasHead(fd, { length: headLength, crc: headCrc }) && hasAnchor(fd, checkpoint);
  } catch {
    return false;
  }
}

/** Tells a file that nobody writes to from others, also where an inode number is used again and no birth is known. */
function contentKey({ dev, ino, birthtimeNs, mtimeNs, size }: BigIntStats): string {
  return `${inodeKey(dev, ino)}:${birthtimeNs}:${mtimeNs}:${size}`;
}

/** The file that a name refers to itself; what is not included is followed through no link, and its reason not said. */
function plainTarget(path: string): LogTarget | undefined {
  try {
    const stat = lstatSync(path, { bigint: true });
    return stat.isFile() ? { realPath: path, stat } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a file cannot be read because of what it is, and not because too many are open. */
function isDenied(refusal: OpenRefusal): boolean {
  return refusal.kind === "unreadable" && refusal.code !== "EMFILE" && refusal.code !== "ENFILE";
}
