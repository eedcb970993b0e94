import assert from "node:assert/strict";
import { request } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

/**
 * A TCP port that is free. It is below those that the kernel hands out (ip_local_port_range), so that no connection of another
 * test takes it before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const bound = new Promise<boolean>((resolve) => {
      server.once("listening", () => resolve((server.address() as AddressInfo).port === port));
      server.once("error", () => resolve(false));
      server.listen({ port, host: "::" });
    });
    const free = await bound;
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
}

export interface Scraped {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Asks once, on a connection of its own. */
export function ask(port: number, path: string, options: { method?: string; host?: string } = {}): Promise<Scraped> {
  const { method = "GET", host } = options;
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, agent: false, headers: host ? { host } : {} });
    asked.once("error", reject);
    asked.once("response", async (response) => {
      try {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: await text(response) });
      } catch (error) {
        reject(error);
      }
    });
    asked.setTimeout(10_000, () => asked.destroy(new Error(`No answer to ${method} ${path} within 10 s.`)));
    asked.end();
  });
}

/** Asks until an answer fits; rejects after 20 s. Without an answer at all it asks again. */
export async function askUntil(port: number, path: string, fits: (answer: Scraped) => boolean): Promise<Scraped> {
  const until = performance.now() + 20_000;
  for (let last: unknown; ; await delay(20)) {
    try {
      const answer = await ask(port, path);
      if (fits(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) assert.fail(`Not within 20 s: ${fits}. Last: ${JSON.stringify(last)}`);
  }
}

/** Sends these bytes as they are; resolves with all that comes back until the connection is closed. */
export async function send(port: number, bytes: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  const closed = new Promise((resolve) => socket.once("close", resolve));
  // A connection that is closed with bytes unread may end in a reset, behind the answer.
  socket.on("error", () => undefined).on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await closed;
  return Buffer.concat(chunks).toString("latin1");
}

/** The numbers of a text in Prometheus' format 0.0.4 by their names with labels, as they are written. */
export type Numbers = ReadonlyMap<string, number>;

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\\\\\|\\\\n)*)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\\\\\|\\\\"|\\\\n)*"';
const SAMPLE = new RegExp(`^(${NAME})((?:\\{${LABEL}(?:,${LABEL})*\\})?) (\\S+)$`);

/** Reads metrics more strictly than Prometheus does: help, type and numbers of each metric together, and each only once. */
export function parseMetrics(text: string): Numbers {
  assert.ok(text.endsWith("\n"), "The last line must end.");
  const numbers = new Map<string, number>();
  const seen = new Set<string>();
  let metric = "";
  let type: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const help = HELP.exec(line);
    if (help !== null) {
      metric = help[1] ?? "";
      assert.ok(help[2] !== "" && !seen.has(metric), line);
      seen.add(metric);
      type = undefined;
      continue;
    }
    const typed = TYPE.exec(line);
    if (typed !== null) {
      assert.ok(typed[1] === metric && type === undefined, line);
      type = typed[2];
      continue;
    }
    const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(`No metric: ${line}`);
    const names = type === "histogram" ? ["_bucket", "_sum", "_count"].map((suffix) => metric + suffix) : [metric];
    assert.ok(type !== undefined && names.includes(name), line);
    assert.match(value, /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)$|^NaN$/, line);
    assert.ok(!numbers.has(name + labels), line);
    numbers.set(name + labels, Number(value.replace("Inf", "Infinity")));
  }
  return numbers;
}

/** Scrapes until the numbers fit. */
export async function scrapeUntil(port: number, fits: (number: (name: string) => number) => boolean): Promise<Numbers> {
  let numbers: Numbers = new Map();
  await askUntil(port, "/metrics", ({ status, body }) => {
    if (status !== 200) return false;
    numbers = parseMetrics(body);
    return fits((name) => numbers.get(name) ?? Number.NaN);
  });
  return numbers;
}
