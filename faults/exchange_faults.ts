import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { HEADER } from "@logdna-agent/protocol";

/** One request and what can be done with it. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Reads the body and stores its lines, as an accepting server does before it answers. */
  store(): Promise<void>;
  /** Reads the body and forgets it. */
  read(): Promise<void>;
  /** Leaves the connection as it is until the fault ends. */
  hold(): void;
  /** Ends the connection with a reset (RST). */
  reset(): void;
  /** Requests that were begun on this connection, this one included. */
  readonly nth: number;
  /** Where a redirect leads, which nothing may follow. */
  readonly trap: string;
}

/** What goes wrong with an exchange. */
export interface ExchangeFault {
  act(exchange: Exchange): Promise<void>;
  /** The lines are stored and the client cannot know it. */
  readonly loses?: true;
  /** The client takes what answers for no ingestion server, and may wait for a person to put it right. */
  readonly waits?: true;
}

const ACCEPTED = '{"status":"ok","batchID":"0"}';

/** What the agent waits at most after an answer of what it takes for no ingestion server, in milliseconds. */
const FOREIGN_WAIT_MS = 10_000;

/** What the agent may still wait when a fault has ended, in milliseconds. */
export function waitAfter({ waits }: ExchangeFault): number {
  return waits === true ? FOREIGN_WAIT_MS : 0;
}

/** The whole answer of a server that has stored the lines. */
export function accept({ response }: Pick<Exchange, "response">): void {
  response.setHeader("content-type", "application/json");
  response.end(ACCEPTED);
}

/** A status without a body's worth, and a header where one is given. */
export function answer(status: number, headers: Readonly<Record<string, string>> = {}): ExchangeFault {
  return {
    async act(exchange) {
      await exchange.read();
      exchange.response.writeHead(status, headers).end(`{"error":"status ${status}"}`);
    },
  };
}

/** Characters of an answer that the agent repeats at most. */
const REPEATED = 300;

/**
 * A status that repeats the key: in its reason phrase, in headers, and in its body in several encodings, the last time where
 * what the agent tells of a body ends.
 */
export function echo(status: number): ExchangeFault {
  return {
    async act({ read, request, response }) {
      await read();
      const key = String(request.headers[HEADER.apiKey]);
      const ways = [JSON.stringify({ key }), encodeURIComponent(key), Buffer.from(`${key}:`).toString("base64")];
      const body = `no account for ${key} ${ways.join(" ")} `.padEnd(REPEATED - key.length / 2, "x");
      response.writeHead(status, `no ${key}`, { "x-key": key, "www-authenticate": `Basic realm="${key}"` });
      response.end(body + key);
    },
  };
}

/** Every way in which an exchange goes wrong: adding one is adding an entry here. */
export const EXCHANGE_FAULTS = {
  stall_after_headers: { act: async ({ hold }) => hold() },
  reset_after_headers: { act: async ({ reset }) => reset() },
  stall_in_body: {
    async act({ request, hold }) {
      request.once("data", () => request.pause());
      hold();
    },
  },
  reset_in_body: { act: async ({ request, reset }) => void request.once("data", reset) },
  stall_before_answer: {
    async act({ read, hold }) {
      await read();
      hold();
    },
  },
  close_before_answer: {
    async act({ read, request }) {
      await read();
      request.socket.end();
    },
  },
  lose_answer: {
    loses: true,
    async act({ store, reset }) {
      await store();
      reset();
    },
  },
  stall_with_answer: {
    loses: true,
    async act({ store, hold }) {
      await store();
      hold();
    },
  },
  cut_answer: {
    loses: true,
    async act({ store, response, reset }) {
      await store();
      response.writeHead(200, { "content-length": "1000" });
      response.write(ACCEPTED, reset);
    },
  },
  stall_in_answer: {
    loses: true,
    async act({ store, response, hold }) {
      await store();
      response.writeHead(200, { "content-length": "1000" });
      response.write(ACCEPTED);
      hold();
    },
  },
  /** Slow, but within the time that the agent gives an exchange; on a busy machine perhaps not. */
  slow_answer: {
    loses: true,
    async act({ store, response }) {
      await store();
      response.writeHead(200, { "content-length": String(ACCEPTED.length) });
      for (const character of ACCEPTED) {
        response.write(character);
        await delay(10);
      }
      response.end();
    },
  },
  endless_answer: {
    loses: true,
    waits: true,
    async act({ store, response }) {
      await store();
      const block = Buffer.alloc(16 * 1024, "x");
      const more = (): void => {
        while (!response.destroyed && response.write(block));
      };
      response
        .writeHead(200)
        .on("drain", more)
        .on("error", () => undefined);
      more();
    },
  },
  huge_answer: {
    loses: true,
    waits: true,
    async act({ store, response }) {
      await store();
      response.end(Buffer.alloc(1_000_000, "x"));
    },
  },
  huge_headers: {
    loses: true,
    async act({ store, request }) {
      await store();
      request.socket.end(`HTTP/1.1 200 OK\r\nx-much: ${"x".repeat(1_000_000)}\r\ncontent-length: 0\r\n\r\n`);
    },
  },
  compressed_bomb: {
    loses: true,
    waits: true,
    async act({ store, response }) {
      await store();
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(20_000_000)));
    },
  },
  html_answer: {
    loses: true,
    waits: true,
    async act({ store, response }) {
      await store();
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><h1>\u001b[2JIt works!</h1>\0");
    },
  },
  /** Answers of something on the way, with 200 and without a server: a page, a word, much of both. Nothing is stored. */
  foreign_page: {
    waits: true,
    async act({ read, response }) {
      await read();
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Down for repair</h1>");
    },
  },
  foreign_word: {
    waits: true,
    async act({ read, response }) {
      await read();
      response.writeHead(200, { "content-type": "text/plain" }).end("OK");
    },
  },
  foreign_flood: {
    waits: true,
    async act({ read, response }) {
      await read();
      response.end(Buffer.alloc(1_000_000, "x"));
    },
  },
  foreign_bomb: {
    waits: true,
    async act({ read, response }) {
      await read();
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(20_000_000)));
    },
  },
  no_http: {
    loses: true,
    async act({ store, request }) {
      await store();
      request.socket.end("\u0000\u0001 stored, but who could tell\r\n\r\n");
    },
  },
  wrong_length: {
    loses: true,
    async act({ store, request }) {
      await store();
      request.socket.end(`HTTP/1.1 200 OK\r\ncontent-length: -7\r\n\r\n${ACCEPTED}`);
    },
  },
  /** Answered as it should be, and the connection closed without a word. */
  close_after_answer: {
    loses: true,
    async act(exchange) {
      await exchange.store();
      exchange.response.once("finish", () => exchange.request.socket.end());
      accept(exchange);
    },
  },
  /** A connection that is used again is reset when the next request has begun. */
  reset_when_reused: {
    async act(exchange) {
      if (exchange.nth > 1) return exchange.reset();
      await exchange.store();
      accept(exchange);
    },
  },
  /** An answer to half a request. */
  refuse_in_body: {
    async act({ response }) {
      response.writeHead(503, { connection: "close" }).end();
    },
  },
  echo_key: echo(503),
} as const satisfies Record<string, ExchangeFault>;

export type ExchangeFaultName = keyof typeof EXCHANGE_FAULTS;

/** A redirect; the key must not follow. */
export function redirect(status: number): ExchangeFault {
  return {
    async act({ read, response, trap }) {
      await read();
      response.writeHead(status, { location: trap }).end();
    },
  };
}
