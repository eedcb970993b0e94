import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Subject } from "../subject.ts";

/** Another program that ships log files. */
export interface Peer {
  /** The name of its program. */
  readonly program: string;
  /** The pieces of work that it is set up for; none where its version cannot do them. */
  subjects(program: string): readonly Subject[];
}

/** The whole path of a program of PATH; daemons are also looked for where they are installed for root alone. */
export function onPath(program: string): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return directories.map((directory) => join(directory, program)).find(isExecutable);
}

/** The first number with dots that a program says when it is asked for its version. */
export function versionOf(program: string, flag = "--version"): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: "utf8" });
  return /\d+(?:\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? "of an unknown version";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
