import type { Answer } from "./transport.ts";

/** What an answer means for the batch that it answers. */
export type Verdict =
  | "accepted"
  /** The same body may be accepted later. */
  | "retry"
  /** The key is missing, unknown or inactive: it can be put right, so the batch is kept. */
  | "key_rejected"
  /** Something in this body is not acceptable: its parts may be. */
  | "refused"
  /** The body is larger than the server, or something in front of it, takes: its parts may be accepted. */
  | "too_large"
  /** Nothing that a server of this protocol says: a wrong host or endpoint; it can be put right, so the batch is kept. */
  | "misdirected";

/**
 * The policy by status (RFC 9110, 15). Whatever is not known to be an acceptance, or a refusal of what the body holds, keeps the
 * batch: of two mistakes, sending again is the one that loses nothing.
 */
export function verdictOf({ status, isForeign }: Pick<Answer, "status" | "isForeign">): Verdict {
  if (status === 401 || status === 403) return "key_rejected";
  if (status === 400 || status === 422) return "refused";
  if (status === 413) return "too_large";
  // Any other 2xx counts as 200 (RFC 9110, 15), but these two say that not all of it was done.
  if (status >= 200 && status < 300)
    return status === 206 || status === 207 || isForeign === true ? "misdirected" : "accepted";
  // A server that does not implement the method, or the version of HTTP, will not learn it by waiting.
  if (status >= 500 && status < 600) return status === 501 || status === 505 ? "misdirected" : "retry";
  return RETRYABLE.has(status) ? "retry" : "misdirected";
}

/** Below 500: too slow, too early (RFC 8470), too many; and what some proxies answer when a connection was cut (499). */
const RETRYABLE: ReadonlySet<number> = new Set([408, 425, 429, 499]);

/** What is said of an answer other than that it accepts. */
export function detailOf(verdict: Verdict, { status, text, isForeign }: Answer): string {
  const said = `${status} ${text}`.trim();
  if (isForeign === true)
    return `what answered is no ingestion server (${said}): check the configured host and endpoint, and proxies in between`;
  if (verdict === "retry") return `the server answered ${said}`;
  if (verdict === "misdirected") return `the server answered ${said}: check the configured host and endpoint`;
  return said;
}
