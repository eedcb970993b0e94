import { lstatSync } from "node:fs";
import { join } from "node:path";
import { trustedPath } from "@logdna-agent/confinement";
import type { FactsOf, FileFacts } from "../lines/fields/file_facts.ts";
import type { NamesOf } from "../rules/real_root.ts";
import { namesIn } from "../sources/files/copies.ts";
import type { ContainerRecord } from "../state/container_records.ts";
import type { WatchSink } from "../watch/sink.ts";
import type { ContainerDirs } from "./container_dirs.ts";

/** Keeps the names of logs over restarts; throws errors of its own. */
interface LinkRecords {
  all(): readonly ContainerRecord[];
  put(links: readonly ContainerRecord[]): void;
  forget(logs: readonly string[]): void;
}

export interface ContainerLinksOptions {
  readonly dirs: ContainerDirs;
  /** Whether a path is to be shipped, by the rules alone. */
  readonly includes: (path: string) => boolean;
  readonly records: LinkRecords;
  /** They could not be written; after a crash, logs that are deleted by then have their own names. */
  readonly onUnsaved: (error: unknown) => void;
}

/** What is known of a log that a link leads to. */
interface LinkedLog {
  /** Links that have led to it, those that stand nearer to the beginning of the directories first. */
  links: readonly string[];
  /** The name that it ships under; undefined where the rules include none of them. */
  facts: FileFacts | undefined;
}

/** Logs that are remembered when they are gone: what is still to be shipped of them has their names. */
const MAX_GONE = 10_000;
/** Links are written together, this long after the first of them was found, in milliseconds. */
const SAVE_MS = 500;
/** How often it is looked whether a log is gone that has no link any more, in milliseconds. */
const UNLINKED_MS = 1000;

/**
 * The links by which Kubernetes names the logs of containers: `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` leads to
 * `/var/log/pods/…/0.log`, and that may lead on to `/var/lib/docker/containers/…`. Each is resolved once, and the log is followed
 * where it is: so it ships once, whatever leads to it, and rotation there is seen as that of any log. What ships has the name of the link.
 *
 * A link counts only if it is in one of the directories of containers, where only root may make one, and leads to a path in one of them
 * where a runtime has a log. What is behind that path is opened as every log is.
 */
export class ContainerLinks {
  readonly #options: ContainerLinksOptions;
  readonly #logs = new Map<string, LinkedLog>();
  readonly #targets = new Map<string, string>();
  readonly #gone = new Set<string>();
  readonly #unsaved = new Map<string, string>();
  /** Logs that are there, and the last known link to which is not. */
  readonly #unlinked = new Set<string>();
  #unlinkedTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ContainerLinksOptions) {
    this.#options = options;
    this.#try(() => {
      for (const { log, link } of options.records.all()) {
        this.#add(log, link);
        this.#gone.add(log);
      }
      this.#unsaved.clear();
    });
    for (const directory of options.dirs.paths)
      for (const name of namesIn(directory)) {
        const link = join(directory, name);
        const log = this.#resolve(link);
        if (log !== undefined) this.#found(link, log);
      }
  }

  /** Whether a path is to be shipped: a log that has a link, where the rules include that. */
  readonly includes = (path: string): boolean =>
    this.#logs.get(path)?.facts !== undefined || (!this.#targets.has(path) && this.#options.includes(path));

  /** The name that the lines of a log have. */
  readonly factsOf: FactsOf = (path) => this.#logs.get(path)?.facts;

  /** The name that a log ships under. */
  nameOf(path: string): string {
    return this.#logs.get(path)?.facts?.file ?? path;
  }

  /** The paths that a file may be meant by in a rule on lines. */
  readonly namesOf: NamesOf = (path) => {
    const name = this.nameOf(path);
    return name === path ? [path] : [path, name];
  };

  /** What is told of links is told of what they lead to. */
  sinkFor(files: WatchSink): WatchSink {
    return {
      entry: (path, why) => {
        if (why === "changed" || this.#logs.has(path) || this.#options.dirs.placeOf(path) < 0)
          return files.entry(path, why);
        const log = this.#resolve(path);
        if (log === undefined) {
          this.#lost(path);
          return files.entry(path, why);
        }
        this.#found(path, log);
        if (isThere(log)) files.entry(log, why);
      },
      removed: (path) => {
        if (this.#logs.has(path)) this.#isGone(path);
        const log = this.#lost(path);
        if (log === undefined) return files.removed(path);
        // Nobody tells that it is gone where its directory went before it was looked into.
        if (!isThere(log)) return files.removed(log);
        this.#unlinked.add(log);
        this.#unlinkedTimer ??= setInterval(() => this.#lookAfter(files), UNLINKED_MS).unref();
      },
      renamed: (from, to) => {
        if (!this.#targets.has(from) && !this.#targets.has(to)) return files.renamed(from, to);
        this.#lost(from);
        this.#lost(to);
        const log = this.#resolve(to);
        if (log === undefined) return files.entry(to, "created");
        this.#found(to, log);
        if (isThere(log)) files.entry(log, "created");
      },
      directoryRemoved: (path) => files.directoryRemoved(path),
      directoryRenamed: (from, to) => files.directoryRenamed(from, to),
      overflow: () => files.overflow(),
    };
  }

  /** Forgets logs of an earlier run of which nothing is left. @param known paths of files that are followed, or wait to be shipped. */
  forgetAllBut(known: ReadonlySet<string>): void {
    const forgotten = [...this.#gone].filter((log) => !known.has(log) && !isThere(log));
    for (const log of forgotten) this.#forget(log);
    this.#try(() => this.#options.records.forget(forgotten));
  }

  close(): void {
    clearInterval(this.#unlinkedTimer);
    this.#save();
  }

  /** The log that a link leads to; undefined for anything else. */
  #resolve(path: string): string | undefined {
    const { dirs } = this.#options;
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    const { path: log, planted } = trustedPath(path);
    return planted === undefined && dirs.isLog(log) ? log : undefined;
  }

  #found(link: string, log: string): void {
    const before = this.#targets.get(link);
    if (before !== log) {
      if (before !== undefined) this.#isGone(before);
      this.#add(log, link);
    }
    this.#gone.delete(log);
  }

  #add(log: string, link: string): void {
    const { dirs, includes } = this.#options;
    this.#targets.set(link, log);
    const known = this.#logs.get(log);
    const links = [...(known?.links ?? []).filter((other) => other !== link), link].sort(
      (one, other) => dirs.placeOf(one) - dirs.placeOf(other),
    );
    const file = links.find(includes);
    const facts = file === undefined ? undefined : file === known?.facts?.file ? known.facts : { file };
    this.#logs.set(log, { links, facts });
    if (file === undefined) return;
    this.#unsaved.set(log, file);
    this.#timer ??= setTimeout(() => this.#save(), SAVE_MS).unref();
  }

  /** A link is gone. What it has led to may be gone, too, and keeps its name. @returns what it has led to. */
  #lost(link: string): string | undefined {
    const log = this.#targets.get(link);
    if (log === undefined) return undefined;
    this.#targets.delete(link);
    this.#isGone(log);
    return log;
  }

  /** Looks whether logs are gone that have lost their links. */
  #lookAfter(files: WatchSink): void {
    for (const log of this.#unlinked) {
      if (isThere(log)) continue;
      this.#unlinked.delete(log);
      files.removed(log);
    }
    if (this.#unlinked.size > 0) return;
    clearInterval(this.#unlinkedTimer);
    this.#unlinkedTimer = undefined;
  }

  #isGone(log: string): void {
    this.#gone.delete(log);
    this.#gone.add(log);
    const [oldest] = this.#gone;
    if (this.#gone.size <= MAX_GONE || oldest === undefined) return;
    this.#forget(oldest);
    this.#try(() => this.#options.records.forget([oldest]));
  }

  #forget(log: string): void {
    for (const link of this.#logs.get(log)?.links ?? [])
      if (this.#targets.get(link) === log) this.#targets.delete(link);
    this.#logs.delete(log);
    this.#gone.delete(log);
    this.#unlinked.delete(log);
    this.#unsaved.delete(log);
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const links = [...this.#unsaved].map(([log, link]) => ({ log, link }));
    this.#unsaved.clear();
    if (links.length > 0) this.#try(() => this.#options.records.put(links));
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.onUnsaved(error);
    }
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
