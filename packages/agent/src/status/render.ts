import { byteText } from "../telemetry/byte_text.ts";
import { printable } from "../telemetry/printable.ts";
import { type StatusReport, unaccounted } from "./report.ts";

/** The report for people. @param now milliseconds since the epoch. */
export function renderStatus(report: StatusReport, now: number): string {
  const { accounting, backlog, confinement, files, lastError } = report;
  const rows: (readonly [string, string])[] = [
    ["Process", `${report.pid}, version ${report.version}, for ${span(now - report.startedAt)}`],
    ["Ships to", report.destination],
    ["State", report.notReady ?? "ready"],
    ["Last error", lastError === undefined ? "none" : `${lastError.text} (${span(now - lastError.at)} ago)`],
    [
      "Confinement",
      confinement.layers.length === 0
        ? "none"
        : `${confinement.layers.join(", ")}${confinement.complete ? "" : "; not complete, see doctor"}`,
    ],
    ["Files", `${files.followed} followed, ${files.open} open`],
    ["Backlog", backlog.bytes === 0 ? "none" : `${byteText(backlog.bytes)} not read yet`],
    ["Lines", `${report.linesShipped.toLocaleString("en")} shipped`],
    [
      "Bytes",
      `${byteText(accounting.read)} read = ${byteText(accounting.shipped)} shipped + ${byteText(accounting.excluded)} excluded + ` +
        `${byteText(accounting.dropped)} dropped + ${byteText(accounting.givenBack)} given back + ${byteText(accounting.inFlight)} in ${report.requestsInFlight} requests and in hand`,
    ],
  ];
  const age = now - report.writtenAt;
  if (age > STALE_MS) rows.push(["Written", `${span(age)} ago: the agent hangs, or its disk is full`]);
  const lost = unaccounted(accounting);
  if (lost !== 0) rows.push(["Mistake", `${lost} bytes are not accounted for: please report this`]);
  const lines = rows.map(([name, text]) => `${name.padEnd(12)}${printable(text)}\n`);
  for (const { path, unread, size: all } of backlog.files)
    lines.push(
      `${" ".repeat(12)}${bar(1 - unread / Math.max(all, 1))} ${byteText(unread)} of ${byteText(all)}  ${printable(path)}\n`,
    );
  return lines.join("");
}

/** The agent tells how it is every ten seconds at the latest: one that has not done so for this time does not, or cannot. */
const STALE_MS = 30_000;

const BAR_WIDTH = 20;

function bar(done: number): string {
  const filled = Math.min(BAR_WIDTH, Math.max(0, Math.floor(done * BAR_WIDTH)));
  return "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
}

function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}
