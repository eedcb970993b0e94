import { type BigIntStats, closeSync, fstatSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { KnownFile } from "../../state/state_store.ts";
import type { WatchSink } from "../../watch/sink.ts";
import { stemOf } from "./compressed.ts";
import { isRotationOf, rotatedFrom } from "./copies.ts";
import type { CopyWatch, Decided } from "./copy_watch.ts";
import { Following, type FollowingOptions, type FoundFile } from "./following.ts";
import { goesOnIn, identityOf, isAnother } from "./identity.ts";
import { type LogTarget, targetOf } from "./log_target.ts";
import type { MissedForms } from "./missed_forms.ts";
import { MissedNames, type MissedNamesOptions } from "./missed_names.ts";
import { errnoName, type LogRoots, type OpenRefusal, openLog } from "./open_log.ts";
import type { Refusals } from "./refusals.ts";
import { statOf } from "./stat_of.ts";
import { bornApart, bornTogether, compareHead, hasHead, inodeKey, readHead, type TailedFile } from "./tailed_file.ts";

/** Why a name is met, as the watcher tells it. */
export type EntryReason = Parameters<WatchSink["entry"]>[1];

interface DiscoveryOptions extends FollowingOptions, MissedNamesOptions {
  readonly roots: LogRoots;
  /** What was there at this time was seen by now, in milliseconds since the epoch. */
  readonly seenUntil: () => number | undefined;
  /** Inode keys of files that must never be shipped: the agent's own log. */
  readonly excludedInodes: ReadonlySet<string>;
  readonly copies: CopyWatch;
  readonly missed: MissedForms;
  readonly refusals: Refusals;
  /** The inode number of a closed file is another file's. */
  readonly onReplaced: (file: TailedFile) => void;
  /** The same of a file of an earlier run. */
  readonly onEarlierReplaced: (known: KnownFile) => void;
  /** Something waits that no event tells of. */
  readonly onUntold: () => void;
}

/** Copies that may be held open at once while it is not known what they are. */
const MAX_SUSPECTS = 64;
/**
 * What a name turns out to be: a new file and where its reading begins, a file of an earlier run, another name of a followed
 * one, a rotated file that nobody looked at, what may be a copy of another file, or nothing that is read.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** Names met in the first scan that may be files nobody looked at; each may yet turn out to be a copy. */
  #missed: { readonly path: string; readonly appeared: boolean }[] = [];
  readonly #missedNames: MissedNames;
  readonly #following: Following;
  #scanning = true;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#missedNames = new MissedNames(options);
    this.#following = new Following(options);
  }

  /** Ends the first scan: what is found from now on has appeared. */
  scanned(): void {
    this.#scanning = false;
    this.#following.scanned();
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
    const { roots, includes, excludedInodes, names, records, earlier, copies, refusals } = this.#options;
    const included = includes(path);
    if (!included && !this.#mayBeRotated()) return this.#passOld(path);
    const target = included ? this.#target(path) : plainTarget(path);
    if (target === undefined) return;
    const { stat } = target;
    // On a device that is known, what is found later came later, such as a directory that was moved here with its
    // files. A device that is new was mounted, with files as old as those that are there at the start; likewise what
    // could not be read at the start.
    const isLate = created || (!this.#scanning && this.#following.isKnownDevice(stat.dev));
    const appeared = isLate && !this.#following.wasUnreadable(path);
    const key = inodeKey(stat.dev, stat.ino);
    if (excludedInodes.has(key)) return refusals.ownLog(path);
    const known = names.of(key);
    if (known !== undefined) {
      const isItsOwn = known.names.size > 0 && (included || bornTogether(known.born, stat.birthtimeNs));
      if (known.fd >= 0 || !isAnother(path, stat, isItsOwn, known, roots)) return this.#alias(path, target, known);
      this.#options.onReplaced(known);
    }
    if (copies.meets(key, path) || (!included && this.#missedNames.isPassed(stat))) return;
    let stored = earlier.of(key);
    const isItsOwn = included || bornTogether(stored?.born ?? 0n, stat.birthtimeNs);
    if (stored !== undefined && isAnother(path, stat, isItsOwn, identityOf(stored), roots)) {
      // What the scan has not met yet may be a copy of it.
      if (this.#scanning) {
        records.setAside(stored);
        earlier.replace(stored);
      } else {
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
      const isMissed = this.#missedNames.missedAs(path, stat, appeared) !== undefined;
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
    else this.#following.follow(found, { stored, appeared });
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
    if (!differs && !included) return this.#missedNames.passOver(stat);
    const now = this.#target(path)?.stat;
    // It was renamed, and is met again under the name that it has now.
    if (now !== undefined && (now.ino !== stat.ino || now.dev !== stat.dev)) return this.meet(path, true);
    if (!included) return this.#followMissed(path, true);
    const found = this.#openUnfollowed(path);
    if (found !== undefined) this.#following.follow(found, { appeared: true });
  }

  /** A name is gone, with what is known of it. */
  forget(path: string): void {
    this.#options.refusals.forget(path);
    this.#following.forget(path);
  }

  #alias(path: string, { realPath, stat }: LogTarget, file: TailedFile): void {
    const { names, hot, refusals } = this.#options;
    file.born = stat.birthtimeNs;
    refusals.forget(path);
    names.alias(path, realPath, file);
    hot.wakeIfChanged(file);
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
    // After the first scan the log itself may be missed altogether.
    return !this.#scanning || earlier.size > 0 || names.size > 0 || life.lastAlive !== undefined;
  }

  /** Follows, from its start, a rotated file that was never met under its own name. */
  #followMissed(path: string, appeared: boolean): void {
    const name = basename(path);
    for (const original of rotatedFrom(name))
      if (isRotationOf(name, original)) this.checkContents(join(dirname(path), original));
    const found = this.#openUnfollowed(path);
    if (found === undefined) return;
    const shipsAs = this.#missedNames.missedAs(path, found.stat, appeared);
    if (shipsAs === undefined && !this.#options.includes(path)) closeSync(found.fd);
    else this.#following.follow(found, { stored: this.#copiedFrom(found, shipsAs), appeared, shipsAs });
  }

  /** The file of an earlier run that a rotated form is the copy of: that is gone itself, and was read up to a place in this one. */
  #copiedFrom({ fd, stat }: FoundFile, shipsAs = ""): KnownFile | undefined {
    const { earlier } = this.#options;
    let furthest: KnownFile | undefined;
    for (const known of earlier.goneFrom(shipsAs)) {
      if (known.checkpoint.offset <= (furthest?.checkpoint.offset ?? -1)) continue;
      if (goesOnIn(fd, Number(stat.size), identityOf(known))) furthest = known;
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

  /** What is found in the first scan of the first run is as old as the log that it may be a form of, which may come later. */
  #passOld(path: string): void {
    if (!this.#scanning || this.#missedNames.nameBefore(path) === undefined) return;
    const target = plainTarget(path);
    if (target !== undefined) this.#missedNames.passOver(target.stat);
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
    if (this.#scanning && isDenied(opened)) this.#following.unreadable(path, Number(stat.size));
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
}

/** The file that a name refers to itself; what is not included is followed through no link, and its reason not said. */
function plainTarget(path: string): LogTarget | undefined {
  const stat = statOf(path);
  return stat?.isFile() ? { realPath: path, stat } : undefined;
}

/** Whether a file cannot be read because of what it is, and not because too many are open. */
function isDenied(refusal: OpenRefusal): boolean {
  return refusal.kind === "unreadable" && refusal.code !== "EMFILE" && refusal.code !== "ENFILE";
}
