/**
 * What the page shows, as its address says it: every view can be bookmarked and shared.
 *
 * The address keeps the names of the read API: `q`, `host`, `app`, `file`, `level`, `env`, `tag` (repeated for several values), `range` or
 * `from` and `to` for the time, and `line` for one line to open.
 */
import type { LineFilter } from "@logdna-agent/protocol";

/** Fields that can be filtered by exact values. */
export const FIELDS = ["level", "host", "app", "file", "env", "tag"] as const;
export type Field = (typeof FIELDS)[number];

/** Ranges that end now, by name, in milliseconds. */
export const RANGES = { "15m": 900_000, "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 } as const;
export type RangeName = keyof typeof RANGES;

export type Range =
  /** Ends now and follows the clock: live. */
  | { readonly kind: "last"; readonly name: RangeName }
  /** Milliseconds since the epoch, `from` inclusive and `to` exclusive: not live. */
  | { readonly kind: "between"; readonly from: number; readonly to: number };

export interface View {
  readonly q: string;
  readonly values: Readonly<Record<Field, readonly string[]>>;
  readonly range: Range;
  /** The line to open and to centre on; the view is then not live. */
  readonly line: string | null;
}

export const DEFAULT_RANGE: Range = { kind: "last", name: "15m" };

export const EMPTY_VIEW: View = {
  q: "",
  values: { level: [], host: [], app: [], file: [], env: [], tag: [] },
  range: DEFAULT_RANGE,
  line: null,
};

/** Reads the query part of an address; what it does not understand is left out. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  return {
    q: params.get("q") ?? "",
    values: {
      level: params.getAll("level"),
      host: params.getAll("host"),
      app: params.getAll("app"),
      file: params.getAll("file"),
      env: params.getAll("env"),
      tag: params.getAll("tag"),
    },
    range: parseRange(params),
    line: params.get("line") || null,
  };
}

function parseRange(params: URLSearchParams): Range {
  const from = Number(params.get("from") || Number.NaN);
  const to = Number(params.get("to") || Number.NaN);
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return { kind: "between", from, to };
  const name = params.get("range");
  return name !== null && Object.hasOwn(RANGES, name) ? { kind: "last", name: name as RangeName } : DEFAULT_RANGE;
}

/** The address of a view: a path with its query, `/` for the default view. */
export function viewAddress(view: View): string {
  const params = filterParams({ ...view.values, q: view.q });
  if (view.range.kind === "between") {
    params.set("from", String(view.range.from));
    params.set("to", String(view.range.to));
  } else if (view.range.name !== "15m") {
    params.set("range", view.range.name);
  }
  if (view.line !== null) params.set("line", view.line);
  const query = params.toString();
  return query === "" ? "/" : `/?${query}`;
}

/** The filter of a view; one that ends now has no `to`, so that lines with a clock slightly ahead are in it. */
export function viewFilter(view: View, now: number): LineFilter {
  const filter = { q: view.q, ...view.values };
  return view.range.kind === "between"
    ? { ...filter, from: view.range.from, to: view.range.to }
    : { ...filter, from: now - RANGES[view.range.name] };
}

/** The query parameters of a filter, as the read API takes them. */
export function filterParams(filter: LineFilter): URLSearchParams {
  const params = new URLSearchParams();
  if (filter.q) params.set("q", filter.q);
  for (const field of FIELDS) for (const value of filter[field] ?? []) params.append(field, value);
  if (filter.from !== undefined) params.set("from", String(Math.floor(filter.from)));
  if (filter.to !== undefined) params.set("to", String(Math.ceil(filter.to)));
  if (filter.receivedFrom !== undefined) params.set("received_from", String(filter.receivedFrom));
  return params;
}

/** The same view with a value of a field chosen, or no longer chosen. */
export function toggleValue(view: View, field: Field, value: string): View {
  const chosen = view.values[field];
  const next = chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value];
  return { ...view, line: null, values: { ...view.values, [field]: next } };
}

/** Whether anything but the time narrows the view. */
export function isFiltered(view: View): boolean {
  return view.q !== "" || FIELDS.some((field) => view.values[field].length > 0);
}
