import { RETRYABLE_STATUS } from "@logdna-agent/protocol";
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
  /** Nothing that a server of this protocol says: a wrong host or endpoint; it can be put right, so the batch is kept. */
  | "misdirected";

export function verdictOf(answer: Answer): Verdict {
  const { status } = answer;
  if (status >= 200 && status < 300) return "accepted";
  if (RETRYABLE_STATUS.has(status)) return "retry";
  if (status === 401 || status === 403) return "key_rejected";
  if (status === 400 || status === 413 || status === 422) return "refused";
  return "misdirected";
}
