import { statSync } from "node:fs";
import { trustedPath } from "@logdna-agent/confinement";
import { configFrom, configText } from "../config/handed_over.ts";
import type { loadConfig as LoadConfig } from "../config/load.ts";
import type { LoadResult } from "../config/mod.ts";
import type { OptionName } from "../config/options.ts";
import { readSmallFile, UnfitFileError } from "../config/small_file.ts";
import { certificateProblem } from "../config_report/certificate_problem.ts";
import { VERSION } from "../version.ts";
import type { Start } from "./start.ts";
import type { RunConfig } from "./tell.ts";

/**
 * How often the files are looked at, in milliseconds, and how long they must have been the same before they are read: a program
 * may write one in several steps, or replace several.
 *
 * They are looked at with stat(2) and not watched: it is what sees a file that lies behind links (Kubernetes swaps the link of a
 * directory), on a network file system, or in a directory that is not there yet; and it takes 7 µs of CPU a second.
 */
export const CONFIG_LOOK_MS = 1000;

/** A configuration that was read from the files, and what became of these. */
export interface ConfigReading {
  readonly loaded: RunConfig | Exclude<LoadResult, { kind: "run" }>;
  /** Files that the configuration in force was read from, and that are not there any more. */
  readonly gone: readonly string[];
  /** Files that are there and must not be read. */
  readonly refused: readonly string[];
  /** Files that were read. */
  readonly read: ReadonlySet<string>;
}

/** What the image that reads the configuration hands to the one that works with it. */
interface Handed {
  readonly config: string;
  readonly warnings: RunConfig["warnings"];
  readonly origins: readonly (readonly [OptionName, string])[];
  /** The fingerprints of the files, and those that were read. */
  readonly seen: readonly (readonly [path: string, fingerprint: string])[];
  readonly read: readonly string[];
}

/** The files that the configuration is read from: reads them, and tells when they are others. */
export class ConfigFiles {
  readonly #start: Start;
  #inForce: ReadonlySet<string> = new Set();
  /** What each file was just before it was read; a change during the reading is seen afterwards. */
  #seen = new Map<string, string>();
  #before = "";

  constructor(start: Start) {
    this.#start = start;
  }

  /** The files, those that are not there included. */
  get paths(): Iterable<string> {
    return this.#seen.keys();
  }

  /** What `takeOver` takes, with secrets in it. @param loaded what was read last. */
  handOver({ config, warnings, origins }: RunConfig): string {
    const handed: Handed = {
      config: configText(config),
      warnings,
      origins: [...origins],
      seen: [...this.#seen],
      read: [...this.#inForce],
    };
    return JSON.stringify(handed);
  }

  /** Takes what another image has read, as if it had been read here. */
  takeOver(text: string): ConfigReading {
    const { config, warnings, origins, seen, read } = JSON.parse(text) as Handed;
    this.#seen = new Map(seen);
    const loaded = { kind: "run", config: configFrom(config), warnings, origins: new Map(origins) } as const;
    return { loaded, gone: [], refused: [], read: new Set(read) };
  }

  /**
   * Reads the configuration. Until the files change once more, they count as known, whatever came of it.
   *
   * What reads it is loaded for that: a confined agent is handed its first configuration, and most never read another.
   * @throws {ProgramGoneError} when it is not there any more, or cannot be read.
   */
  async read(): Promise<ConfigReading> {
    const loadConfig = await configLoader();
    const seen = new Map<string, string>();
    const read = new Set<string>();
    const gone: string[] = [];
    const refused: string[] = [];
    const readFile = (path: string): string => {
      seen.set(path, fingerprint(path));
      try {
        const content = readSmallFile(path);
        read.add(path);
        return content;
      } catch (error) {
        const code = codeOf(error);
        // A new start, which could read more, would end with something that is no file.
        if (error instanceof UnfitFileError || isNoFile(path)) throw error;
        if (code === "EACCES" || code === "EPERM") refused.push(path);
        else if (this.#inForce.has(path)) gone.push(path);
        throw error;
      }
    };
    const loaded = loadConfig({ ...this.#start, version: VERSION, readFile, certificateProblem });
    this.#seen = seen;
    return { loaded, gone, refused, read };
  }

  /** Takes what was read as the configuration in force. */
  accept({ loaded, read }: ConfigReading): void {
    this.#inForce = read;
    // The key in a file is read again by whoever uses it, once the server does not take the old one any more.
    if (loaded.kind === "run" && loaded.config.keyPath !== undefined) this.#seen.delete(loaded.config.keyPath);
  }

  /** To be called every `CONFIG_LOOK_MS`: whether the files are not those that were read, and have been the same since the last call. */
  changed(): boolean {
    const paths = [...this.#seen.keys()];
    const now = paths.map(fingerprint).join("\n");
    const isSettled = now === this.#before;
    this.#before = now;
    return isSettled && now !== [...this.#seen.values()].join("\n");
  }

  /** Whether one of them leads to a path. */
  leadTo(path: string): boolean {
    return [...this.#seen.keys()].some((file) => trustedPath(file).path === path);
  }
}

/** The program's files are not those any more that this process was started from, as after an upgrade. */
export class ProgramGoneError extends Error {
  override readonly name = "ProgramGoneError";
}

async function configLoader(): Promise<typeof LoadConfig> {
  try {
    return (await import("../config/load.ts")).loadConfig;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ProgramGoneError(`what reads the configuration cannot be loaded: ${why}`);
  }
}

/** A file as stat(2) tells it apart from another one under its name, and from itself with other content or permissions. */
function fingerprint(path: string): string {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? "" : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ");
  } catch (error) {
    return codeOf(error);
  }
}

/** Whether something is there that is neither a file nor a directory. */
function isNoFile(path: string): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && !stat.isFile() && !stat.isDirectory();
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
