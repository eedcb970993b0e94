import { readFileSync } from "node:fs";
import type { User } from "./needs_capability.ts";

/** `nobody` on every Linux system: the kernel's overflow user id, proc_sys_kernel(5). */
export const NOBODY = 65_534;

/**
 * The user that a root process becomes: the one of the program's name, which packages make for it, else nobody. Only the local file is asked: a directory
 * service would be one more thing to trust before anything is confined.
 */
export function unprivilegedUser(program: string, passwd: string = localUsers()): User {
  for (const line of passwd.split("\n")) {
    // passwd(5)
    const [name, , uid, gid] = line.split(":");
    if (name !== program || uid === undefined || gid === undefined) continue;
    const user = { uid: Number(uid), gid: Number(gid) };
    if (/^[1-9]\d*$/.test(uid) && /^[1-9]\d*$/.test(gid)) return user;
  }
  return { uid: NOBODY, gid: NOBODY };
}

function localUsers(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}
