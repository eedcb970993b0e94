import { textOf } from "./text_of.ts";

/** Names of users and groups by number, and the other way round, from the local files: passwd(5), group(5). */
export class Accounts {
  readonly #users: ReadonlyMap<number, string>;
  readonly #groups: ReadonlyMap<number, string>;

  constructor(passwd = textOf("/etc/passwd"), group = textOf("/etc/group")) {
    this.#users = named(passwd);
    this.#groups = named(group);
  }

  /** The name of a user; its number where it has none here. */
  user(uid: number): string {
    return this.#users.get(uid) ?? String(uid);
  }

  group(gid: number): string {
    return this.#groups.get(gid) ?? String(gid);
  }

  hasUser(name: string): boolean {
    return [...this.#users.values()].includes(name);
  }
}

function named(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , number] = line.split(":");
    // The first entry of a number is the one that is shown.
    if (name !== undefined && /^\d+$/.test(number ?? "") && !names.has(Number(number))) names.set(Number(number), name);
  }
  return names;
}
