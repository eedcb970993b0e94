import { lstatSync, readlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Links that are followed on the way to a path: `MAXSYMLINKS`, path_resolution(7). */
const MAX_LINKS = 40;

/** Where a path leads. */
export interface Resolved {
  /** Without links; where something does not exist, or a link is not followed, the rest is as it was given. */
  readonly path: string;
  /** The link that is not followed. */
  readonly planted: string | undefined;
}

/**
 * Follows the links of a path as the kernel does with `fs.protected_symlinks` (proc_sys_fs(5)), but everywhere: a link that belongs
 * neither to root nor to this process's user may only lead to what belongs to the link's owner. Else whoever may write to a
 * directory on the way could have root grant, watch or hand over any other directory.
 */
export function trustedPath(given: string): Resolved {
  const trusted = [0, process.geteuid?.() ?? 0];
  const rest = resolve(given).split("/").filter(isName);
  const owners = new Map<number, { readonly link: string; readonly unresolved: string }>();
  let at = "/";
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (stat === undefined) return { path: join(next, ...rest), planted: undefined };
    if (!stat.isSymbolicLink()) {
      at = next;
      continue;
    }
    const unresolved = join(next, ...rest);
    if (++links > MAX_LINKS) return { path: unresolved, planted: next };
    if (!trusted.includes(stat.uid) && !owners.has(stat.uid)) owners.set(stat.uid, { link: next, unresolved });
    const target = readlinkSync(next);
    if (target.startsWith("/")) at = "/";
    rest.unshift(...target.split("/").filter(isName));
  }
  const owner = owners.size === 0 ? -1 : lstatSync(at).uid;
  for (const [uid, { link, unresolved }] of owners) if (uid !== owner) return { path: unresolved, planted: link };
  return { path: at, planted: undefined };
}

function isName(part: string): boolean {
  return part !== "" && part !== ".";
}
