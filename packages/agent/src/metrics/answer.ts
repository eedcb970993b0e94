import type { IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { EXPOSITION_TYPE } from "./exposition.ts";

/** What the port tells. */
export interface Told {
  /** The metrics, in the text format. */
  readonly metrics: () => string;
  /** Why the agent is not ready, in a word or two; undefined when it is. */
  readonly notReady: () => string | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const METHODS = "GET, HEAD";
/** More than any browser or scraper sends. */
const MAX_HEADERS = 64;

/**
 * Answers one request, in one go and as the last one of its connection: nothing that a client does later costs anything.
 * Nothing that it has sent is repeated to it.
 * @param loopback the port is bound to loopback only.
 */
export function answer(request: IncomingMessage, response: ServerResponse, told: Told, loopback: boolean): void {
  const { status, text, headers } = answerTo(request, told, loopback);
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    connection: "close",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : text);
}

function answerTo({ method, url = "", headers, rawHeaders }: IncomingMessage, told: Told, loopback: boolean): Answer {
  // Names and values alternate.
  if (rawHeaders.length > 2 * MAX_HEADERS) return { status: 431, text: "too many headers\n" };
  if (loopback && !isLocalHost(headers.host)) return { status: 421, text: "ask by an address or as localhost\n" };
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)
    return { status: 413, text: "no request here has a body\n" };
  const resource = RESOURCES.get(url.split("?", 1)[0] ?? "");
  if (resource === undefined) return { status: 404, text: "not found\n" };
  if (method !== "GET" && method !== "HEAD")
    return { status: 405, text: "method not allowed\n", headers: { allow: METHODS } };
  return resource(told);
}

/** A map, since names of every object, such as `constructor`, are paths too. */
const RESOURCES: ReadonlyMap<string, (told: Told) => Answer> = new Map([
  ["/metrics", ({ metrics }) => ({ status: 200, text: metrics(), headers: { "content-type": EXPOSITION_TYPE } })],
  ["/health/live", () => ({ status: 200, text: "ok\n" })],
  [
    "/health/ready",
    ({ notReady }) => {
      const reason = notReady();
      return reason === undefined ? { status: 200, text: "ok\n" } : { status: 503, text: `${reason}\n` };
    },
  ],
] satisfies [string, (told: Told) => Answer][]);

/**
 * Whether a request to loopback is meant for it. A web page can have its own name point to 127.0.0.1 and so read, as if from its
 * own server, what the browser's host serves to itself alone ("DNS rebinding"); but then its name is in the header. Clients
 * without the header are no browsers.
 */
function isLocalHost(header: string | undefined): boolean {
  if (header === undefined) return true;
  const [, bracketed, plain = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header) ?? [];
  return isIP(bracketed ?? plain) > 0 || plain.toLowerCase() === "localhost";
}
