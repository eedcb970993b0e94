import { Buffer } from "node:buffer";
import type { Agent as HttpAgent, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import type { EncodedBody } from "../batch/encoder.ts";
import { type HttpProxy, proxyText } from "../config/proxy.ts";
import { request as httpRequest } from "../http.ts";
import { OutOfTime, Patience } from "./patience.ts";
import { createPool, retire } from "./pool.ts";
import { type LogdnaProtocolOptions, logdnaProtocol, type Protocol, type Rejection } from "./protocol.ts";
import { retryAfterMs } from "./retry_after.ts";
import { TlsFiles, type TlsPaths } from "./tls_files.ts";
import { PARTLY_WRITTEN, quoted, reasonOf, TransportError } from "./transport_error.ts";
import { addressMs, tunnelTimeout } from "./tunnel.ts";
import { closeUnlessWritten, isWritten, writeBody } from "./written_body.ts";

export { TransportError } from "./transport_error.ts";

/** Where batches go and how the agent names itself there; the key and the names are those of the LogDNA protocol. */
export interface Destination extends TlsPaths, LogdnaProtocolOptions {
  readonly host: string;
  readonly port: number;
  readonly useSsl: boolean;
  /** Milliseconds without progress after which an exchange is given up; see `Patience`. */
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
  /** `Accept-Encoding` of the answer: which codings the server takes (RFC 7694). */
  readonly acceptEncoding?: string | undefined;
  /** It accepts, but nothing that accepts bodies of this protocol gives such an answer. */
  readonly isForeign?: boolean;
  /** The request was not written to its end when it came: what is left of it may be written yet. */
  readonly isEarly?: boolean;
  /** What it did not take of a body that it accepts. */
  readonly rejection?: Rejection | undefined;
}

/** Bytes of an answer that are read before the connection is given up. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Informational answers (1xx) to one request that are read before the connection is given up. */
const MAX_INFORMATIONAL = 32;

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
  readonly #authority: string;

  /** @throws {TransportError} when a file of certificates cannot be used. */
  constructor(destination: Destination, protocol: Protocol = logdnaProtocol(destination)) {
    const { useSsl, proxy } = destination;
    this.#destination = destination;
    this.#protocol = protocol;
    this.#authority = authorityOf(destination);
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
    const patience = new Patience(this.#destination.timeoutMs);
    const abort = (): void => patience.cut(coded("ABORTED", "the agent is stopping"));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await this.#exchange(batchId, attempt, body, patience);
    } catch (error) {
      throw error instanceof Error ? this.#explain(error) : error;
    } finally {
      patience.end();
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
      addressMs: addressMs(timeoutMs),
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

  /** One request, or two where a connection turns out to be closed; `patience` ends it whatever the server does. */
  async #exchange(id: string, attempt: number, body: EncodedBody, patience: Patience, again = false): Promise<Answer> {
    const request = this.#request(this.#requestOptions(id, attempt, body));
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { length } = body.bytes;
    let responded = false;
    let informational = 0;
    let written = 0;
    request.on("response", (response) => {
      responded = true;
      readAnswer(response, this.#protocol, this.#destination.conceal).then(resolve, reject);
    });
    request.on("information", () => {
      informational += 1;
      if (informational > MAX_INFORMATIONAL)
        reject(coded("INFORMATIONAL", "it sends informational answers without end"));
    });
    request.on("error", reject);
    // Not every end is an error for Node: after an answer of 101 it only closes the connection.
    request.on("close", () => {
      if (!responded) reject(coded("ECONNRESET", "closed without an answer"));
    });
    writeBody(request, body.bytes, (bytes) => {
      written = bytes;
      if (bytes < length) patience.progress();
      else patience.written(length);
    });
    try {
      const answer = await Promise.race([promise, patience.over]);
      if (request.writableFinished) return answer;
      // An answer to a part of a request: the server may never read the rest.
      if (!isAcceptance(answer)) {
        closeUnlessWritten(request);
        return { ...answer, isEarly: true };
      }
      if (!(await Promise.race([isWritten(request), patience.over]))) throw this.#early(answer);
      return answer;
    } catch (error) {
      const isConnected = request.socket !== null;
      request.destroy();
      if (error instanceof OutOfTime) throw this.#outOfTime(patience.waitedMs, isConnected, written, length);
      // A server may close an idle connection at the very moment that it is used again: that is no failure of the server.
      if (request.reusedSocket && !again && isReset(error))
        return this.#exchange(id, attempt + 1, body, patience, true);
      throw error;
    }
  }

  #early({ status }: Answer): TransportError {
    const { host, port } = this.#destination;
    const message = `${host}:${port} answered ${status} before it had the whole request: it cannot have stored the lines`;
    return new TransportError("EARLY_ANSWER", message);
  }

  #outOfTime(ms: number, isConnected: boolean, written: number, length: number): Error {
    const { proxy } = this.#destination;
    if (proxy !== undefined && !isConnected) return tunnelTimeout(proxy, this.#destination, ms);
    if (written === 0 || written === length) return coded("TIMEOUT", `none was complete within ${ms} ms`);
    return coded(PARTLY_WRITTEN, `a request could only be written in part within ${ms} ms`);
  }

  #requestOptions(id: string, attempt: number, body: EncodedBody): RequestOptions {
    const { host, port, userAgent } = this.#destination;
    return {
      agent: this.#currentPool(),
      host,
      port,
      method: "POST",
      path: this.#protocol.target(),
      headers: headerList({
        host: this.#authority,
        ...this.#protocol.headers(id, attempt),
        // An answer is not decompressed.
        "accept-encoding": "identity",
        "content-length": body.bytes.length,
        "user-agent": userAgent,
        ...(body.encoding === undefined ? {} : { "content-encoding": body.encoding }),
      }),
    };
  }
}

/**
 * Headers as names and values in turn, which Node writes as they are: a tenth of what a request costs is saved.
 * @throws {TypeError} when Node refuses one, once it is used.
 */
function headerList(headers: OutgoingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
}

/** The `Host` of requests (RFC 9110, 7.2), with the port unless it is the usual one. */
function authorityOf({ host, port, useSsl }: Pick<Destination, "host" | "port" | "useSsl">): string {
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return port === (useSsl ? 443 : 80) ? name : `${name}:${port}`;
}

/** The body of an answer, as far as it is read. Waiting for its events takes half of what iterating over it does. */
function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_ANSWER_BYTES) chunks.push(chunk);
    else {
      resolve(Buffer.concat(chunks));
      response.destroy();
    }
  });
  response.on("end", () => resolve(Buffer.concat(chunks)));
  response.on("error", reject);
  // Every end that is none of these.
  response.on("close", () => reject(coded("ECONNRESET", "closed before the answer was complete")));
  return promise;
}

async function readAnswer(
  response: IncomingMessage,
  protocol: Protocol,
  conceal: Destination["conceal"],
): Promise<Answer> {
  const body = (await bodyOf(response)).toString("utf8");
  const { statusCode: status = 0, headers } = response;
  const answer = { status, text: quoted(body, 300, conceal), retryAfterMs: retryAfterMs(headers["retry-after"]) };
  if (!isAcceptance(answer)) return answer;
  const isForeign = protocol.isForeign(body, headers["content-type"]);
  const acceptEncoding = headers["accept-encoding"];
  return {
    ...answer,
    acceptEncoding,
    isForeign,
    rejection: isForeign ? undefined : protocol.rejectionIn?.(body, conceal),
  };
}

/** Any 2xx (RFC 9110, 15.3). */
function isAcceptance({ status }: Pick<Answer, "status">): boolean {
  return status >= 200 && status < 300;
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
