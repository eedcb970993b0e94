import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { isIP } from "node:net";
import { ApiError, reasonOf } from "./api_error.ts";
import { isRecord, type JsonRecord, numberAt, textAt } from "./json_values.ts";
import { ListReader, MAX_OBJECT_BYTES, parsed } from "./list_reader.ts";
import type { ServiceAccount } from "./service_account.ts";

interface ApiAddress {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One change that a watch tells. */
export interface WatchEvent {
  readonly type: string;
  readonly object: JsonRecord;
}

export interface ApiClientOptions {
  readonly address: ApiAddress;
  readonly account: ServiceAccount;
  /** What requests call themselves, without control characters. */
  readonly userAgent: string;
  /** Milliseconds without a byte after which a request is given up. */
  readonly timeoutMs?: number;
}

type Method = "GET" | "POST" | "PUT";

interface Sending {
  readonly method?: Method;
  readonly query?: Query;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a byte of the answer after which it is given up. */
  readonly idleMs?: number;
}

const TIMEOUT_MS = 15_000;
/** Bytes of what a server says of an error. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Milliseconds of quiet after which the system asks whether the other side is still there. */
const PROBE_MS = 15_000;

/**
 * Speaks to the API server of the cluster that the agent runs in, and to no other host: JSON over HTTPS, with the token of the pod's
 * service account. Answers are bounded, and read while they arrive.
 */
export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #timeoutMs: number;
  #agent: Agent | undefined;
  #ca: string | undefined;
  /** Requests that were made, by method and what they were for. */
  readonly requests = new Map<string, number>();

  constructor(options: ApiClientOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** One object. @throws {ApiError} */
  get(path: string, signal?: AbortSignal): Promise<JsonRecord> {
    return this.#whole(path, { signal });
  }

  /** Makes an object. @throws {ApiError} a conflict where it is there already. */
  create(path: string, body: unknown, signal?: AbortSignal): Promise<JsonRecord> {
    return this.#whole(path, { method: "POST", body, signal });
  }

  /** Replaces an object. @throws {ApiError} a conflict where it is not any more the one whose resource version `body` has. */
  replace(path: string, body: unknown, signal?: AbortSignal): Promise<JsonRecord> {
    return this.#whole(path, { method: "PUT", body, signal });
  }

  /**
   * All objects of a kind, in pages, each given out as soon as it has arrived. Reading stops while the consumer is busy.
   * @returns the resource version of the list.
   * @throws {ApiError} expired where the server has forgotten the list between two pages.
   */
  async list(
    path: string,
    query: Query,
    onItem: (item: JsonRecord) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<{ readonly resourceVersion: string }> {
    let page: Query = query;
    for (;;) {
      const items: JsonRecord[] = [];
      const reader = new ListReader((item) => items.push(item));
      const answer = await this.#send(path, { query: page, signal });
      await this.#read(answer, path, async (chunk) => {
        reader.read(chunk);
        for (const item of items.splice(0)) await onItem(item);
      });
      const { metadata } = reader.end();
      const next = textAt(metadata, "continue");
      if (next === undefined || next === "") return { resourceVersion: textAt(metadata, "resourceVersion") ?? "" };
      // A page that goes on is of the same version; saying one is refused.
      page = { ...query, resourceVersion: undefined, continue: next };
    }
  }

  /**
   * Changes from a version on, until the server ends it. Reading stops while the consumer is busy, so that nothing is queued.
   * @throws {ApiError}
   */
  async *watch(path: string, query: Query, signal: AbortSignal, idleMs: number): AsyncGenerator<WatchEvent> {
    const answer = await this.#send(path, { query: { ...query, watch: true }, signal, idleMs });
    let kept: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        let from = 0;
        for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
          kept.push(chunk.subarray(from, end));
          const line = kept.length === 1 ? (kept[0] ?? chunk) : Buffer.concat(kept);
          kept = [];
          bytes = 0;
          from = end + 1;
          if (line.length > 0) yield eventOf(line);
        }
        if (from === chunk.length) continue;
        bytes += chunk.length - from;
        if (bytes > MAX_OBJECT_BYTES)
          throw new ApiError(`watching ${path}: an event has more than ${MAX_OBJECT_BYTES} bytes`);
        kept.push(Buffer.from(chunk.subarray(from)));
      }
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError(`watching ${path}: ${reasonOf(error)}`);
    } finally {
      answer.destroy();
    }
  }

  /** Ends idle connections. */
  close(): void {
    this.#agent?.destroy();
  }

  async #whole(path: string, sending: Sending): Promise<JsonRecord> {
    const answer = await this.#send(path, sending);
    const chunks: Buffer[] = [];
    let bytes = 0;
    await this.#read(answer, path, (chunk) => {
      bytes += chunk.length;
      if (bytes > MAX_OBJECT_BYTES) throw new ApiError(`the answer has more than ${MAX_OBJECT_BYTES} bytes`);
      chunks.push(chunk);
    });
    return parsed(Buffer.concat(chunks));
  }

  async #read(answer: IncomingMessage, path: string, take: (chunk: Buffer) => void | Promise<void>): Promise<void> {
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) await take(chunk);
    } catch (error) {
      answer.destroy();
      throw error instanceof ApiError ? error : new ApiError(`reading the answer to ${path}: ${reasonOf(error)}`);
    }
  }

  /** The answer to a request that was accepted. A token that is refused is tried once more where there is a newer one. */
  async #send(path: string, sending: Sending): Promise<IncomingMessage> {
    try {
      return await this.#sendOnce(path, sending);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || !this.#options.account.renew()) throw error;
      return this.#sendOnce(path, sending);
    }
  }

  async #sendOnce(
    path: string,
    { method = "GET", query = {}, body, signal, idleMs }: Sending,
  ): Promise<IncomingMessage> {
    signal?.throwIfAborted();
    const what = query.watch === true ? "WATCH" : method;
    const { address, userAgent, account } = this.#options;
    const key = `${what} ${path}`;
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    let token: string;
    try {
      token = account.token;
    } catch (error) {
      throw new ApiError(`reading the service account's token: ${reasonOf(error)}`);
    }
    const text = body === undefined ? undefined : JSON.stringify(body);
    const sent = request({
      ...{
        host: address.host,
        port: address.port,
        method,
        path: `${path}${queryText(query)}`,
        agent: this.#agentNow(),
      },
      ...(signal !== undefined && { signal }),
      // An address is no name that a server could be asked for by (RFC 6066, 3).
      servername: isIP(address.host) === 0 ? address.host : "",
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token}`,
        "user-agent": userAgent,
        ...(text !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      },
    });
    sent.setTimeout(this.#timeoutMs, () => sent.destroy(new Error(`no answer within ${this.#timeoutMs} ms`)));
    sent.on("error", reject);
    sent.on("response", (answer) => {
      const quietMs = idleMs ?? this.#timeoutMs;
      sent.setTimeout(quietMs, () => answer.destroy(new Error(`nothing came for ${quietMs} ms`)));
      resolve(answer);
    });
    sent.on("socket", (socket) => socket.setKeepAlive(true, PROBE_MS));
    sent.end(text);
    let answer: IncomingMessage;
    try {
      answer = await promise;
    } catch (error) {
      throw new ApiError(`${what} ${path} at ${address.host}:${address.port}: ${reasonOf(error)}`);
    }
    if (answer.statusCode !== undefined && answer.statusCode >= 200 && answer.statusCode < 300) return answer;
    throw new ApiError(`${what} ${path}: ${await whyRefused(answer)}`, answer.statusCode, retryAfter(answer));
  }

  /** Connections that trust the authority as it is now. */
  #agentNow(): Agent {
    const { ca } = this.#options.account;
    if (this.#agent !== undefined && ca === this.#ca) return this.#agent;
    this.#agent?.destroy();
    this.#ca = ca;
    this.#agent = new Agent({
      keepAlive: true,
      maxFreeSockets: 2,
      minVersion: "TLSv1.2",
      ...(ca !== undefined && { ca }),
    });
    return this.#agent;
  }
}

function queryText(query: Query): string {
  const given = Object.entries(query).filter((entry) => entry[1] !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}

function eventOf(line: Buffer): WatchEvent {
  const { type, object } = parsed(line);
  if (typeof type !== "string" || !isRecord(object)) throw new ApiError("an event of a watch has no type or no object");
  if (type !== "ERROR") return { type, object };
  throw new ApiError(textAt(object, "message") ?? "the watch has failed", numberAt(object, "code"));
}

/** What the server says of an error: a Status in JSON, or some text. */
async function whyRefused(answer: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      text += chunk.toString("utf8");
      if (text.length > MAX_ERROR_BYTES) break;
    }
    const status: unknown = JSON.parse(text);
    text = textAt(status, "message") ?? "";
  } catch {
    // What there is of it is told.
  }
  answer.destroy();
  return `${answer.statusCode} ${answer.statusMessage}${text === "" ? "" : `: ${text.slice(0, 500).trim()}`}`;
}

function retryAfter({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}
