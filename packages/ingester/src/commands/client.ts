import { request as httpRequest, type IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { getCACertificates } from "node:tls";
import type { ErrorAnswer } from "@logdna-agent/protocol";
import { readIfThere, readWithoutLink, SECRET_FILES, TLS_FILES } from "../private_files.ts";

/** Where the terminal commands find a server, and how they may read from it. */
export interface ClientOptions {
  readonly url: string;
  readonly dataDir: string;
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
}

/** Asks the read API of a server. */
export class Client {
  readonly #url: string;
  readonly #token: string;
  readonly #agent: Agent | undefined;

  /** @throws {Error} when there is no token to read with. */
  constructor({ url, dataDir, tokenFile, caFile }: ClientOptions) {
    this.#url = url;
    const file = tokenFile ?? join(dataDir, SECRET_FILES.token);
    // In the server's own directory a link could have been put there by nobody but a server that has been taken over.
    const kept = tokenFile === undefined ? readWithoutLink(file) : readIfThere(file);
    const token = process.env.LOGDNA_INGESTER_TOKEN ?? kept?.trim();
    if (token === undefined || token === "")
      throw new Error(
        `There is no read token: ${file} is missing. Name it with --token-file, or set LOGDNA_INGESTER_TOKEN.`,
      );
    this.#token = token;
    const authority = readIfThere(caFile ?? join(dataDir, TLS_FILES.ca));
    if (url.startsWith("https:")) {
      const ca = authority === undefined ? {} : { ca: [...getCACertificates("default"), authority] };
      this.#agent = new Agent({ ...ca, minVersion: "TLSv1.2" });
    }
  }

  /** @throws {Error} that says what the server answered. */
  async get<T>(path: string, parameters: URLSearchParams): Promise<T> {
    const response = await this.#open(`${path}?${parameters}`);
    return JSON.parse(await text(response)) as T;
  }

  /** Server-sent events, without end. @throws {Error} that says what the server answered, or that it ended them. */
  async *events(path: string, parameters: URLSearchParams): AsyncGenerator<{ event: string; data: string }> {
    const response = await this.#open(`${path}?${parameters}`);
    let buffered = "";
    for await (const chunk of untilClosed(response)) {
      buffered += chunk;
      for (let end = buffered.indexOf("\n\n"); end >= 0; end = buffered.indexOf("\n\n")) {
        const fields = buffered.slice(0, end).split("\n");
        buffered = buffered.slice(end + 2);
        const of = (name: string): string =>
          fields.flatMap((field) => (field.startsWith(`${name}: `) ? [field.slice(name.length + 2)] : [])).join("\n");
        if (of("data") !== "") yield { event: of("event"), data: of("data") };
      }
    }
    throw new Error(`The server ended the tail: ${this.#url}.`);
  }

  async #open(path: string): Promise<IncomingMessage> {
    const response = await this.#ask(path);
    if (response.statusCode === 200) return response;
    const { error }: Partial<ErrorAnswer> = JSON.parse(await text(response));
    throw new Error(`The server answered ${response.statusCode}: ${error}`);
  }

  #ask(path: string): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const url = new URL(path, this.#url);
    const headers = { authorization: `Bearer ${this.#token}` };
    const request =
      this.#agent === undefined
        ? httpRequest(url, { headers }, resolve)
        : httpsRequest(url, { headers, agent: this.#agent }, resolve);
    request.on("error", (error) => reject(new Error(`Cannot ask ${this.#url}: ${error.message}`)));
    request.end();
    return promise;
  }
}

/** What comes until the connection ends, by whichever side and in whichever way. */
async function* untilClosed(response: IncomingMessage): AsyncGenerator<string> {
  try {
    yield* response.setEncoding("utf8") as AsyncIterable<string>;
  } catch (error) {
    if (!response.destroyed) throw error;
  }
}
