import { existsSync } from "node:fs";
import type { PageFile } from "@logdna-agent/web";
import type { Settings } from "./options.ts";
import { readIfThere } from "./private_files.ts";
import { HeldFiles } from "./tls/held_files.ts";

/** What the server takes from its surroundings before it begins, since it cannot any more once it is confined. */
export interface Given {
  /** What the files that options name hold, by path; one that is not there is not in it. */
  readonly files: Readonly<Record<string, string>>;
  /** Those of them that are for TLS. */
  readonly held: HeldFiles;
  readonly page: ReadonlyMap<string, PageFile>;
  /** Sockets that listen already; without them the server makes its own. */
  readonly listeners?: readonly number[];
}

/** Reads the files that options name. @throws {Error} that names the file that cannot be read. */
export function readGivenFiles(settings: Settings): Pick<Given, "files" | "held"> {
  const { tlsCert, tlsKey, ingestionKeys, tokenFile } = settings;
  const tls = settings.http ? [] : [tlsCert, tlsKey].filter((file) => file !== undefined);
  // Before they are read, so that no change goes unnoticed. What is not there is said by whoever needs it.
  const held = HeldFiles.hold(tls.every((file) => existsSync(file)) ? tls : []);
  const files: Record<string, string> = {};
  for (const file of [...tls, ...[ingestionKeys, tokenFile].filter((file) => file !== undefined)]) {
    const content = readGiven(file);
    if (content !== undefined) files[file] = content;
  }
  return { files, held };
}

/** @throws {Error} with what to do when it is there and cannot be read. */
function readGiven(file: string): string | undefined {
  try {
    return readIfThere(file);
  } catch (error) {
    const user = process.geteuid?.();
    const who = user === undefined ? "this user" : `user ${user}`;
    throw new Error(
      `Cannot read ${file} as ${who}: ${error instanceof Error ? error.message : error}. Let it be read, with setfacl -m u:${user}:r ${file} and the same with :x for the directories that it is in, or start the server as root.`,
    );
  }
}
