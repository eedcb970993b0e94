import type { Accounts } from "./accounts.ts";
import type { Need } from "./report.ts";
import { type Access, barrier, groupsFor, type Reader, type WatchedFile } from "./watched_files.ts";

const EXAMPLES = 3;

/**
 * What files need to be read by a reader without capabilities, most demanding first.
 * @param readable files that are known to be readable without any, whatever their mode bits say, as by an access control list.
 */
export function needsOf(
  files: readonly WatchedFile[],
  reader: Reader,
  accounts: Accounts,
  readable: (path: string) => boolean = () => false,
): Need[] {
  const groups = new Map<string, { need: Need; paths: string[] }>();
  for (const file of files) {
    const need = needOf(file, reader, accounts, readable);
    const key = `${need.need} ${need.groups.join()} ${need.because}`;
    const same = groups.get(key) ?? { need, paths: [] };
    same.paths.push(file.path);
    groups.set(key, same);
  }
  const order: readonly Need["need"][] = ["capability", "group", "nothing"];
  return [...groups.values()]
    .map(({ need, paths }) => ({ ...need, count: paths.length, examples: paths.slice(0, EXAMPLES) }))
    .sort((a, b) => order.indexOf(a.need) - order.indexOf(b.need) || b.count - a.count);
}

function needOf(file: WatchedFile, reader: Reader, accounts: Accounts, readable: (path: string) => boolean): Need {
  const bar = barrier(file, reader);
  const none = { count: 0, examples: [] };
  if (bar === undefined) return { need: "nothing", groups: [], because: "everyone may read it", ...none };
  if (readable(file.path))
    return { need: "nothing", groups: [], because: "an access control list lets the user read it", ...none };
  const because = barText(bar, file, accounts);
  const gids = groupsFor(file, reader);
  return gids === undefined
    ? { need: "capability", groups: [], because, ...none }
    : { need: "group", groups: [...new Set(gids)].map((gid) => accounts.group(gid)), because, ...none };
}

function barText({ path, uid, gid, mode }: Access, file: WatchedFile, accounts: Accounts): string {
  const rights = `mode ${mode.toString(8).padStart(4, "0")}, ${accounts.user(uid)}:${accounts.group(gid)}`;
  return path === file.path ? rights : `the directory ${path} has ${rights}`;
}
