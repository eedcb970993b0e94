/** The read API of the server, as the page asks it. */
import type {
  ErrorAnswer,
  FacetsAnswer,
  HistogramAnswer,
  LineFilter,
  LinesAnswer,
  StoredLine,
} from "@logdna-agent/protocol";
import { filterParams } from "./view.ts";

/** A request that the server refused or that did not reach it. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export interface LinesRequest {
  readonly limit: number;
  readonly order: "asc" | "desc";
  /** `next` of the page before. */
  readonly cursor?: string;
  /** Id of a line to centre on. */
  readonly around?: string;
}

export function fetchLines(filter: LineFilter, request: LinesRequest, signal: AbortSignal): Promise<LinesAnswer> {
  const params = filterParams(filter);
  for (const [name, value] of Object.entries(request)) params.set(name, String(value));
  return get<LinesAnswer>("Reading lines", `/api/v1/lines?${params}`, signal);
}

/** All of a line that lists show a part of. */
export function fetchLine(id: string, signal: AbortSignal): Promise<StoredLine> {
  return get<StoredLine>("Reading the line", `/api/v1/lines/${id}`, signal);
}

export function fetchHistogram(filter: LineFilter, buckets: number, signal: AbortSignal): Promise<HistogramAnswer> {
  const params = filterParams(filter);
  params.set("buckets", String(buckets));
  return get<HistogramAnswer>("Counting lines over time", `/api/v1/histogram?${params}`, signal);
}

export function fetchFacets(filter: LineFilter, signal: AbortSignal): Promise<FacetsAnswer> {
  return get<FacetsAnswer>("Counting values", `/api/v1/facets?${filterParams(filter)}`, signal);
}

/** Where the live lines of a filter come from; the time in it does not matter. */
export function tailAddress(filter: LineFilter): string {
  const { from: _from, to: _to, ...rest } = filter;
  return `/api/v1/tail?${filterParams(rest)}`;
}

/** Trades the read token for a session cookie, which scripts cannot read. */
export async function signIn(token: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  await answered("Signing in", fetch("/api/v1/session", { method: "POST", headers, body: JSON.stringify({ token }) }));
}

/** Ends the session of this browser. */
export async function signOut(): Promise<void> {
  await answered("Signing out", fetch("/api/v1/session", { method: "DELETE" }));
}

async function get<T>(what: string, url: string, signal: AbortSignal): Promise<T> {
  const response = await answered(what, fetch(url, { signal, headers: { accept: "application/json" } }));
  return (await response.json()) as T;
}

async function answered(what: string, request: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(`${what}: the server cannot be reached.`, 0);
  }
  if (response.ok) return response;
  const said = await response
    .json()
    .then((body: ErrorAnswer) => body.error)
    .catch(() => response.statusText);
  throw new ApiError(`${what}: the server answered ${response.status}: ${said}`, response.status);
}

/** Whether an error only says that a newer request made this one pointless. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
