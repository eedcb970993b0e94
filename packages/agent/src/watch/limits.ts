import { readFileSync } from "node:fs";
import type { WatchError } from "./notifier.ts";
import type { WatchReport } from "./sink.ts";

/** What to tell a person whose limit of watches or instances is used up (inotify(7), "/proc interfaces"). */
export function limitReport(error: WatchError): WatchReport {
  const instances = error.code !== "ENOSPC";
  const setting = instances ? "fs.inotify.max_user_instances" : "fs.inotify.max_user_watches";
  const current = settingValue(setting);
  const raised = Math.max(instances ? 256 : 524_288, 2 * (current ?? 0));
  const message =
    `${error.message}: the limit ${setting}${current === null ? "" : ` (now ${current})`} is used up. ` +
    `Directories without a watch are looked through every few seconds instead. ` +
    `Raise it: sysctl -w ${setting}=${raised}, and for good in a file under /etc/sysctl.d.`;
  return { name: "watch_limit", setting, current, path: error.path, message };
}

function settingValue(setting: string): number | null {
  try {
    const value = Number(readFileSync(`/proc/sys/${setting.replaceAll(".", "/")}`, "latin1").trim());
    return Number.isSafeInteger(value) ? value : null;
  } catch {
    return null;
  }
}
