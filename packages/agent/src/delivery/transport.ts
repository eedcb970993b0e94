import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { HEADER } from "@logdna-agent/protocol";
import type { EncodedBody } from "../batch/encoder.ts";

/** Where batches go and how the agent names itself there. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Path of the endpoint. */
  readonly endpoint: string;
  readonly useSsl: boolean;
  /** The ingestion key; called for each request and kept nowhere else. */
  readonly key: () => string;
  readonly hostname: string;
  readonly ip: string | undefined;
  readonly mac: string | undefined;
  readonly tags: readonly string[];
  /** Milliseconds for a whole exchange. */
  readonly timeoutMs: number;
  readonly maxSockets: number;
  readonly userAgent: string;
  /** A file of further CA certificates in PEM form. */
  readonly caFile: string | undefined;
  /** A directory of such files. */
  readonly caDir: string | undefined;
}

/** What a server answered. */
export interface Answer {
  readonly status: number;
  /** The beginning of the body, as text without control characters. */
  readonly text: string;
  /** From `Retry-After` (RFC 9110, 10.2.3), in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
}

/** The exchange failed; there was no answer. `code` is the system's or TLS's name for it. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Bytes of an answer that are read before the connection is given up. */
const MAX_ANSWER_BYTES = 64 * 1024;
/**
 * The longest wait that a server can ask for. An answer must not silence an agent for days, or, as a number that a timer
 * cannot hold, make it try without a pause; a server that still needs rest after this asks again.
 */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/**
 * One keep-alive pool of connections to the one host that the agent talks to. TLS 1.2 at least, certificates always
 * verified, redirects never followed. `https.request` rather than fetch: fetch takes 3 to 5 times the CPU for a request.
 */
export class Transport {
  readonly #destination: Destination;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  /** @throws {TransportError} when the CA file cannot be read. */
  constructor(destination: Destination) {
    this.#destination = destination;
    const pool = { keepAlive: true, maxSockets: destination.maxSockets, scheduling: "lifo" } as const;
    this.#request = destination.useSsl ? httpsRequest : httpRequest;
    this.#agent = destination.useSsl
      ? new HttpsAgent({
          ...pool,
          rejectUnauthorized: true,
          secureContext: trusting(destination.caFile, destination.caDir),
        })
      : new HttpAgent(pool);
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
      () => cut.reject(new TransportError("ETIMEDOUT", `none was complete within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const abort = (): void => cut.reject(new TransportError("ABORTED", "the agent is stopping"));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await this.#exchange(batchId, attempt, body, cut.promise);
    } catch (error) {
      throw error instanceof Error ? explain(error, this.#destination) : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** One request, or two where a connection turns out to be closed; `cut` ends it whatever the server does. */
  async #exchange(id: string, attempt: number, body: EncodedBody, cut: Promise<never>, again = false): Promise<Answer> {
    const request = this.#request(this.#requestOptions(id, attempt, body));
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let responded = false;
    request.on("response", (response) => {
      responded = true;
      readAnswer(response).then(resolve, reject);
    });
    request.on("error", reject);
    // Not every end is an error for Node: after an answer of 101 it only closes the connection.
    request.on("close", () => {
      if (!responded) reject(new TransportError("ECONNRESET", "closed without an answer"));
    });
    request.end(body.bytes);
    try {
      const answer = await Promise.race([promise, cut]);
      // An answer to half a request: the server may never read the other half.
      if (!request.writableFinished) request.destroy();
      return answer;
    } catch (error) {
      request.destroy();
      // A server may close an idle connection at the very moment that it is used again: that is no failure of the server.
      if (request.reusedSocket && !again && isReset(error)) return this.#exchange(id, attempt + 1, body, cut, true);
      throw error;
    }
  }

  #requestOptions(id: string, attempt: number, body: EncodedBody): RequestOptions {
    const { host, port, endpoint, hostname, mac, ip, tags, key, userAgent } = this.#destination;
    const query = new URLSearchParams({ hostname, now: String(Date.now()) });
    if (mac !== undefined) query.set("mac", mac);
    if (ip !== undefined) query.set("ip", ip);
    if (tags.length > 0) query.set("tags", tags.join(","));
    return {
      agent: this.#agent,
      host,
      port,
      method: "POST",
      path: `${endpoint}?${query}`,
      headers: {
        [HEADER.apiKey]: key(),
        [HEADER.batchId]: id,
        [HEADER.batchAttempt]: attempt,
        "content-type": "application/json; charset=UTF-8",
        "content-length": body.bytes.length,
        "user-agent": userAgent,
        ...(body.encoding === undefined ? {} : { "content-encoding": body.encoding }),
      },
    };
  }
}

/**
 * Trusts the system's certificates, or Node's own where the system has none, and those of a file and a directory. Made once
 * and not for each connection: reading the few hundred files of a system takes 35 ms.
 */
function trusting(file: string | undefined, directory: string | undefined): SecureContext {
  const system = systemAuthorities();
  const authorities = new Set(system.length > 0 ? system : getCACertificates("bundled"));
  try {
    const files = [
      ...(file === undefined ? [] : [file]),
      ...(directory === undefined ? [] : certificatesIn(directory)),
    ];
    for (const path of files) {
      const certificates = readFileSync(path, "utf8").match(CERTIFICATE);
      if (certificates === null && path === file) throw new Error("it holds no PEM certificate");
      // What cannot be parsed would be passed over without a word, and then no server is trusted.
      for (const certificate of certificates ?? []) authorities.add(new X509Certificate(certificate).toString());
    }
    return createSecureContext({ minVersion: "TLSv1.2", ca: [...authorities] });
  } catch (error) {
    const where = [file, directory].filter((path) => path !== undefined).join(" and ");
    const what = where === "" ? "of this system" : `in ${where}`;
    throw new TransportError("SSL_CERT_FILE", `Cannot use the CA certificates ${what}: ${messageOf(error)}.`);
  }
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** The files of a directory that certificates are in, by their usual names or by OpenSSL's hashes. */
function certificatesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /\.(?:pem|crt|cer|\d)$/.test(name))
    .map((name) => join(directory, name));
}

/** Node takes these variables for the places of the system's certificates, instead of its own; here they add to them. */
function systemAuthorities(): string[] {
  const { SSL_CERT_FILE, SSL_CERT_DIR } = process.env;
  delete process.env.SSL_CERT_FILE;
  delete process.env.SSL_CERT_DIR;
  try {
    return getCACertificates("system");
  } finally {
    if (SSL_CERT_FILE !== undefined) process.env.SSL_CERT_FILE = SSL_CERT_FILE;
    if (SSL_CERT_DIR !== undefined) process.env.SSL_CERT_DIR = SSL_CERT_DIR;
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
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
  const text = Buffer.concat(chunks)
    .toString("utf8")
    .slice(0, 300)
    .replace(/\p{Cc}+/gu, " ")
    .trim();
  return { status: response.statusCode ?? 0, text, retryAfterMs: retryAfter(response.headers["retry-after"]) };
}

/** Seconds or an HTTP date; undefined for anything else. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.min(ms, MAX_RETRY_AFTER_MS));
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired: renew it there, or check this machine's clock",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name: check the configured host",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate comes from an authority that this machine does not trust: name its CA file with SSL_CERT_FILE",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed: name it with SSL_CERT_FILE if it is the right one",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate comes from an authority that this machine does not trust: name its CA file with SSL_CERT_FILE",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate comes from an authority that this machine does not trust: name its CA file with SSL_CERT_FILE",
  ECONNREFUSED: "nothing listens there: check that the server runs and the port is right",
  ECONNRESET: "it closed the connection before its answer was complete",
  HPE_HEADER_OVERFLOW: "the headers of its answer are too large",
  ENOTFOUND: "the name is not known to DNS: check the configured host",
  EAI_AGAIN: "DNS does not answer",
  EPROTO: "it does not speak TLS 1.2 or later there: check the port, and --use-ssl",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there: check the port, and --use-ssl",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no TLS version that is safe to use (1.2 or later)",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no TLS version that is safe to use (1.2 or later)",
};

function explain(error: Error & { code?: string }, destination: Destination): TransportError {
  const code = error.code ?? "UNKNOWN";
  const reason =
    REASONS[code] ?? (code.startsWith("HPE_") ? `what answers there is not HTTP (${code})` : error.message);
  return new TransportError(code, `no answer from ${destination.host}:${destination.port}: ${reason}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
