/** What the watcher's tests share: real directories, and a sink that holds the watcher to its contract. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathIn } from "./directory.ts";
import type { Watcher, WatcherOptions, WatchReport, WatchSink } from "./sink.ts";
import { createWatcher } from "./watcher.ts";

/** Keeps the names told and not taken back, and every breach of the contract that a sink is promised. */
export class Recorder implements WatchSink {
  readonly names = new Set<string>();
  /** Each call as `method path`, in order. */
  readonly calls: string[] = [];
  readonly reports: WatchReport[] = [];
  readonly breaches: string[] = [];
  readonly #perDirectory = new Map<string, number>();
  /** Called within each telling of a name: for changes at moments that are hard to meet from outside. */
  onEntry: (path: string) => void = () => undefined;
  closed = false;

  entry(path: string, why: string): void {
    this.#called(`${why} ${path}`);
    this.#add(path);
    this.onEntry(path);
  }

  removed(path: string): void {
    this.#called(`removed ${path}`);
    if (!this.#remove(path)) this.breaches.push(`removed, never told: ${path}`);
  }

  renamed(from: string, to: string): void {
    this.#called(`renamed ${from} ${to}`);
    if (!this.#remove(from)) this.breaches.push(`renamed, never told: ${from}`);
    this.#add(to);
  }

  directoryRemoved(path: string): void {
    this.#called(`directoryRemoved ${path}`);
    // What is deeper was removed before, directory by directory.
    if ((this.#perDirectory.get(path) ?? 0) > 0)
      this.breaches.push(`names left behind in a removed directory: ${path}`);
  }

  directoryRenamed(from: string, to: string): void {
    this.#called(`directoryRenamed ${from} ${to}`);
    for (const name of this.#in(to)) this.breaches.push(`left behind in a replaced directory: ${name}`);
    for (const name of this.#in(from)) {
      this.#remove(name);
      this.#add(to + name.slice(from.length));
    }
  }

  overflow(): void {
    this.#called("overflow");
  }

  /** How often a call was made. */
  count(call: string): number {
    return this.calls.filter((one) => one === call).length;
  }

  /** The reports of one name. */
  reported<Name extends WatchReport["name"]>(name: Name): Extract<WatchReport, { readonly name: Name }>[] {
    return this.reports.filter((one): one is Extract<WatchReport, { readonly name: Name }> => one.name === name);
  }

  /** The names told, without the directory that they all are in. */
  namesIn(directory: string): string[] {
    return this.#in(directory)
      .map((name) => name.slice(directory.length + 1))
      .sort();
  }

  #add(path: string): void {
    if (this.names.has(path)) return;
    this.names.add(path);
    this.#perDirectory.set(dirname(path), (this.#perDirectory.get(dirname(path)) ?? 0) + 1);
  }

  #remove(path: string): boolean {
    if (!this.names.delete(path)) return false;
    this.#perDirectory.set(dirname(path), (this.#perDirectory.get(dirname(path)) ?? 0) - 1);
    return true;
  }

  #in(directory: string): string[] {
    return [...this.names].filter((name) => name.startsWith(`${directory}/`));
  }

  #called(call: string): void {
    this.calls.push(call);
    if (this.closed) this.breaches.push(`after close: ${call}`);
  }
}

/** A directory of one test. */
export interface Ground {
  readonly path: string;
  at(name: string): string;
  /** Writes a file, in directories made for it. */
  write(name: string, text?: string): void;
  mkdir(name: string): void;
  /** Runs before the directory is removed, last registered first. */
  cleanUp(act: () => void | Promise<void>): void;
}

/** Makes a directory that is removed after the test. */
export function makeGround(t: { after(act: () => Promise<void>): void }): Ground {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "watch-")));
  const acts: (() => void | Promise<void>)[] = [() => rmSync(path, { recursive: true, force: true })];
  t.after(async () => {
    const errors: unknown[] = [];
    for (const act of acts.toReversed()) {
      try {
        await act();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  });
  const at = (name: string): string => join(path, name);
  return {
    path,
    at,
    write(name, text = "") {
      mkdirSync(dirname(at(name)), { recursive: true });
      writeFileSync(at(name), text, { flag: "a" });
    },
    mkdir: (name) => void mkdirSync(at(name), { recursive: true }),
    cleanUp: (act) => void acts.push(act),
  };
}

/** A watcher that was started, and what it told. */
export interface Watched {
  readonly watcher: Watcher;
  readonly told: Recorder;
}

/**
 * Starts a watcher that is closed after the test, which fails if the contract was broken. The slow sweep is out of the way:
 * what is told without one was told by events.
 */
export async function watch(ground: Ground, options: Partial<WatcherOptions> = {}): Promise<Watched> {
  const told = new Recorder();
  const watcher = createWatcher({
    roots: [ground.path],
    sink: told,
    report: (event) => told.reports.push(event),
    sweepIntervalMs: 2 ** 31 - 1,
    mountPollMs: 5,
    shortSweepIntervalMs: 5,
    ...options,
  });
  ground.cleanUp(async () => {
    await watcher.close();
    told.closed = true;
    assert.deepEqual(told.breaches, []);
  });
  await watcher.start();
  return { watcher, told };
}

/** Resolves once the condition holds; rejects after 10 s with what `what` says then. */
export async function until(condition: () => boolean, what: () => string = () => String(condition)): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within 10 s: ${what()}`);
    await delay(2);
  }
}

/** Resolves once the names told in a directory are exactly these. */
export async function tells(told: Recorder, directory: string, ...names: string[]): Promise<void> {
  const wanted = names.toSorted();
  await until(
    () => told.namesIn(directory).join("\0") === wanted.join("\0"),
    () => `${JSON.stringify(wanted)} told; there are ${JSON.stringify(told.namesIn(directory))}`,
  );
}

/** Resolves once the names told are those on disk, which does not change any more. */
export async function agreesWithDisk(told: Recorder, roots: readonly string[]): Promise<void> {
  const disk = namesOnDisk(roots);
  await until(
    () => told.names.size === disk.size && difference(told.names, disk) === "",
    () => difference(told.names, disk),
  );
}

/** Names told that are not on disk, and names on disk that were not told; empty when there are none. */
export function disagreement(told: Recorder, roots: readonly string[]): string {
  return difference(told.names, namesOnDisk(roots));
}

function difference(told: ReadonlySet<string>, disk: ReadonlySet<string>): string {
  const missing = [...disk].filter((name) => !told.has(name));
  const extra = [...told].filter((name) => !disk.has(name));
  const lines = [...missing.map((name) => `not told: ${name}`), ...extra.map((name) => `not taken back: ${name}`)];
  return lines.slice(0, 20).join("\n");
}

/** Every path below the roots (and a root itself) that is there and is no directory. */
function namesOnDisk(roots: readonly string[]): Set<string> {
  const names = new Set<string>();
  const visit = (path: string): void => {
    if (!lstatSync(path).isDirectory()) {
      names.add(path);
      return;
    }
    for (const entry of readdirSync(path, { encoding: "latin1" })) {
      const inner = pathIn(path, entry);
      if (inner !== undefined) visit(inner);
    }
  };
  for (const root of roots) if (lstatSync(root, { throwIfNoEntry: false }) !== undefined) visit(root);
  return names;
}

/** Runs a module's text in a process of its own; a wrapper such as `unshare` may come in front. */
export function runProgram(text: string, wrapper: readonly string[] = []): { status: number | null; output: string } {
  const [command = process.execPath, ...args] = [
    ...wrapper,
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
    "--eval",
    text,
  ];
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
  return { status, output: stdout + stderr };
}

/** The URL of a module here, for the text of a program. */
export function moduleUrl(name: string): string {
  return JSON.stringify(new URL(name, import.meta.url).href);
}
