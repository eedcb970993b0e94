import type { OutgoingHttpHeaders } from "node:http";
import { HEADER } from "@logdna-agent/protocol";

/** What of a body the server did not take although it accepted the rest, and says that it need not be sent again. */
export interface Rejection {
  readonly lines: number;
  readonly reason: string;
}

/** What differs between the protocols that batches can be sent with. */
export interface Protocol {
  /** Path and query of a request. */
  target(): string;
  /** Headers beyond those that every request with a body has. */
  headers(batchId: string, attempt: number): OutgoingHttpHeaders;
  /**
   * Whether an answer that accepts a body (2xx) cannot come from a server of this protocol, but from something on the way: the
   * page of a proxy that is being repaired, or that wants somebody to log in.
   * @param body as far as it was read.
   * @param type its media type, with parameters, as far as it is told.
   */
  isForeign(body: string, type: string | undefined): boolean;
  /**
   * What an answer that accepts a body (2xx) says of lines that were not taken.
   * @param body as far as it was read.
   * @param conceal takes secrets out of what it says.
   */
  rejectionIn?(body: string, conceal?: (text: string) => string): Rejection | undefined;
}

export interface LogdnaProtocolOptions {
  /** Path of the endpoint. */
  readonly endpoint: string;
  /** The ingestion key; called for each request and kept nowhere else. */
  readonly key: () => string;
  readonly hostname: string;
  readonly ip: string | undefined;
  readonly mac: string | undefined;
  readonly tags: readonly string[];
}

/** The LogDNA protocol: who sends is in the query, the key in a header. */
export function logdnaProtocol({ endpoint, key, hostname, ip, mac, tags }: LogdnaProtocolOptions): Protocol {
  const host = new URLSearchParams({ hostname });
  const others = new URLSearchParams();
  if (mac !== undefined) others.set("mac", mac);
  if (ip !== undefined) others.set("ip", ip);
  if (tags.length > 0) others.set("tags", tags.join(","));
  const before = `${endpoint}?${host}&now=`;
  const behind = others.size > 0 ? `&${others}` : "";
  return {
    target: () => `${before}${Date.now()}${behind}`,
    headers: (batchId, attempt) => ({
      [HEADER.apiKey]: key(),
      [HEADER.batchId]: batchId,
      [HEADER.batchAttempt]: attempt,
      "content-type": "application/json; charset=UTF-8",
    }),
    // A server says `{"status":"ok"}`; one that says nothing is believed.
    isForeign: (body, type) => isPage(body, type) || !(isBlank(body) || isJson(body)),
  };
}

/** Whether an answer is a page for people. */
export function isPage(body: string, type = ""): boolean {
  return !isBlank(body) && /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(type);
}

function isBlank(body: string): boolean {
  return body.trim() === "";
}

function isJson(body: string): boolean {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
