import { Buffer } from "node:buffer";
import {
  type ClientRequest,
  type Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { EncodedBody } from "../batch/encoder.ts";
import { type HttpProxy, proxyText } from "../config/mod.ts";
import { createPool, retire } from "./pool.ts";
import { type LogdnaProtocolOptions, logdnaProtocol, type Protocol, type Rejection } from "./protocol.ts";
import { TlsFiles, type TlsPaths } from "./tls_files.ts";
import { quoted, reasonOf, TransportError } from "./transport_error.ts";
import { tunnelTimeout } from "./tunnel.ts";

export { TransportError } from "./transport_error.ts";

/** Where batches go and how the agent names itself there; the key and the names are those of the LogDNA protocol. */
export interface Destination extends TlsPaths, LogdnaProtocolOptions {
  readonly host: string;
  readonly port: number;
  readonly useSsl: boolean;
  /** Milliseconds for a whole exchange. */
  readonly timeoutMs: number;
  readonly maxSockets: number;
  readonly userAgent: string;
  /** What is asked for a connection to the host; undefined where there is none on the way. */
  readonly proxy: HttpProxy | undefined;
  /** The files of certificates were renewed: they are in use from now on, or there is a problem and the old ones stay. */
  readonly onRenewal?: (problem: string | undefined) => void;
  /** A file of `caDir` cannot be used, and the others are. */
  readonly onSkipped?: (path: string, problem: string) => void;
  /** Takes secrets out of what a server or a proxy says. */
  readonly conceal?: (text: string) => string;
}

/** What a server answered. */
export interface Answer {
  readonly status: number;
  /** The beginning of the body, as text without control characters and secrets. */
  readonly text: string;
  /** From `Retry-After` (RFC 9110, 10.2.3), in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
  /** What it did not take of a body that it accepts. */
  readonly rejection?: Rejection | undefined;
}

/** Bytes of an answer that are read before the connection is given up. */
const MAX_ANSWER_BYTES = 64 * 1024;
/**
 * The longest wait that a server can ask for. An answer must not silence an agent for days, or, as a number that a timer
 * cannot hold, make it try without a pause; a server that still needs rest after this asks again.
 */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** How long after a complete answer the request may still be on its way out, in milliseconds. */
const WRITTEN_WITHIN_MS = 100;

/**
 * One keep-alive pool of connections to the one host that the agent talks to, straight or through a proxy. TLS 1.2 at
 * least, certificates always verified, redirects never followed. `https.request` rather than fetch: fetch takes 3 to 5 times the CPU for a request.
 */
export class Transport {
  readonly #destination: Destination;
  readonly #protocol: Protocol;
  readonly #request: typeof httpRequest;
  /** Undefined where there is no TLS at all. */
  readonly #files: TlsFiles | undefined;
  #pool: HttpAgent;

  /** @throws {TransportError} when a file of certificates cannot be used. */
  constructor(destination: Destination, protocol: Protocol = logdnaProtocol(destination)) {
    const { useSsl, proxy } = destination;
    this.#destination = destination;
    this.#protocol = protocol;
    this.#request = useSsl ? httpsRequest : httpRequest;
    this.#files = useSsl || proxy?.secure === true ? new TlsFiles(destination, destination.onSkipped) : undefined;
    this.#pool = this.#newPool();
  }

  /**
   * Sends one body.
   * @param attempt 1 when this batch id is sent for the first time.
   * @throws {TransportError} when there is no answer in time, or the signal says so.
   */
  async send(batchId: string, attempt: number, body: EncodedBody, signal: AbortSignal): Promise<Answer> {
    const { timeoutMs } = this.#destination;
    const cut = Promise.withResolvers<never>();
    cut.promise.catch(() => undefined);
    const timer = setTimeout(
      () => cut.reject(coded("ETIMEDOUT", `none was complete within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const abort = (): void => cut.reject(coded("ABORTED", "the agent is stopping"));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await this.#exchange(batchId, attempt, body, cut.promise);
    } catch (error) {
      throw error instanceof Error ? this.#explain(error) : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  close(): void {
    this.#pool.destroy();
  }

  #newPool(): HttpAgent {
    const { maxSockets, useSsl, proxy, timeoutMs, conceal } = this.#destination;
    return createPool({
      maxSockets,
      context: useSsl ? this.#files?.server : undefined,
      way: proxy && { proxy, context: this.#files?.proxy, timeoutMs, conceal },
    });
  }

  /** The pool; another one once certificates were renewed, for no connection to outlive the trust that it was made with. */
  #currentPool(): HttpAgent {
    const { onRenewal } = this.#destination;
    try {
      if (this.#files?.renew() !== true) return this.#pool;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      onRenewal?.(error.message);
      return this.#pool;
    }
    retire(this.#pool);
    this.#pool = this.#newPool();
    onRenewal?.(undefined);
    return this.#pool;
  }

  #explain(error: Error & { code?: string }): TransportError {
    if (error instanceof TransportError) return error;
    const { host, port, proxy } = this.#destination;
    const through = proxy === undefined ? "" : ` through the proxy ${proxyText(proxy)}`;
    const message = `no answer from ${host}:${port}${through}: ${reasonOf(error, "server")}`;
    return new TransportError(error.code ?? "UNKNOWN", message);
  }

  /** One request, or two where a connection turns out to be closed; `cut` ends it whatever the server does. */
  async #exchange(id: string, attempt: number, body: EncodedBody, cut: Promise<never>, again = false): Promise<Answer> {
    const request = this.#request(this.#requestOptions(id, attempt, body));
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let responded = false;
    request.on("response", (response) => {
      responded = true;
      readAnswer(response, this.#protocol, this.#destination.conceal).then(resolve, reject);
    });
    request.on("error", reject);
    // Not every end is an error for Node: after an answer of 101 it only closes the connection.
    request.on("close", () => {
      if (!responded) reject(coded("ECONNRESET", "closed without an answer"));
    });
    request.end(body.bytes);
    try {
      const answer = await Promise.race([promise, cut]);
      if (!request.writableFinished) endHalfWritten(request);
      return answer;
    } catch (error) {
      const { proxy, timeoutMs } = this.#destination;
      const late = proxy !== undefined && request.socket === null && codeOf(error) === "ETIMEDOUT";
      request.destroy();
      if (late) throw tunnelTimeout(proxy, this.#destination, timeoutMs);
      // A server may close an idle connection at the very moment that it is used again: that is no failure of the server.
      if (request.reusedSocket && !again && isReset(error)) return this.#exchange(id, attempt + 1, body, cut, true);
      throw error;
    }
  }

  #requestOptions(id: string, attempt: number, body: EncodedBody): RequestOptions {
    const { host, port, userAgent } = this.#destination;
    return {
      agent: this.#currentPool(),
      host,
      port,
      method: "POST",
      path: this.#protocol.target(),
      headers: {
        ...this.#protocol.headers(id, attempt),
        "content-length": body.bytes.length,
        "user-agent": userAgent,
        ...(body.encoding === undefined ? {} : { "content-encoding": body.encoding }),
      },
    };
  }
}

async function readAnswer(
  response: IncomingMessage,
  protocol: Protocol,
  conceal: Destination["conceal"],
): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      response.destroy();
      break;
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString("utf8");
  const { statusCode: status = 0, headers } = response;
  const rejection = status >= 200 && status < 300 ? protocol.rejectionIn?.(body, conceal) : undefined;
  return { status, text: quoted(body, 300, conceal), retryAfterMs: retryAfter(headers["retry-after"]), rejection };
}

/** Seconds or an HTTP date; undefined for anything else. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.min(ms, MAX_RETRY_AFTER_MS));
}

/**
 * An answer to half a request: the server may never read the other half, so the connection is closed. Not at once: under load
 * Node reads an answer before it hears that the last bytes were written, and a good connection would be thrown away.
 */
function endHalfWritten(request: ClientRequest): void {
  const timer = setTimeout(() => request.destroy(), WRITTEN_WITHIN_MS);
  request.once("finish", () => clearTimeout(timer));
}

function isReset(error: unknown): boolean {
  return codeOf(error) === "ECONNRESET" || codeOf(error) === "EPIPE";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** An error with a code, as the system's have. */
function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
