/** Times as an operator reads them: the browser's time zone, 24 hours, milliseconds. */

const two = (value: number): string => String(value).padStart(2, "0");

/** `14:03:09.120` */
export function clockTime(ms: number): string {
  const at = new Date(ms);
  return `${shortClock(ms)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `14:03:09` */
export function shortClock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `11-24`: month and day. */
export function monthDay(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** `2026-11-24 14:03:09.120 UTC+01:00` */
export function fullTime(ms: number): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return "not a time";
  const offset = -at.getTimezoneOffset();
  const zone = `${offset < 0 ? "−" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${at.getFullYear()}-${monthDay(ms)} ${clockTime(ms)} UTC${zone}`;
}

/** A span of time for a title: the day only where it differs, seconds only where they matter. */
export function spanText(from: number, to: number): string {
  const short = to - from < 3_600_000 && (from % 60_000 !== 0 || to % 60_000 !== 0);
  const clock = (ms: number): string => (short ? shortClock(ms) : shortClock(ms).slice(0, 5));
  const sameDay = monthDay(from) === monthDay(to);
  return `${monthDay(from)} ${clock(from)} – ${sameDay ? "" : `${monthDay(to)} `}${clock(to)}`;
}

/** `12 ms`, `3.4 s`, `5 min`, `2 h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

const grouped = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** `12,345` */
export function countText(count: number): string {
  return grouped.format(count);
}

/** `950`, `12.3K`, for narrow places. */
export function shortCount(count: number): string {
  return compact.format(count);
}
