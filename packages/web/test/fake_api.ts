/**
 * A server for tests of the page: the read API over lines in memory, with the page's files and its content policy.
 *
 * It does what `read_api.ts` says, deterministically, and what a test asks: cut connections, refuse, be slow.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json as jsonBody } from "node:stream/consumers";
import {
  type FacetsAnswer,
  type HistogramAnswer,
  LEVELS,
  type LinesAnswer,
  type StoredLine,
} from "@logdna-agent/protocol";
import { buildPage } from "../src/mod.ts";

export const TOKEN = "test-read-token";
const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A line with everything but what a test says. */
export function makeLine(id: number, timestamp: number, fields: Partial<StoredLine> = {}): StoredLine {
  return {
    id: `id-${id}`,
    timestamp,
    received: timestamp + 12,
    host: "web-1",
    app: "nginx",
    file: "/var/log/nginx/access.log",
    level: "info",
    env: "",
    tags: [],
    line: `line number ${id}`,
    meta: "",
    label: {},
    annotation: {},
    ...fields,
  };
}

export class FakeApi implements AsyncDisposable {
  /** Oldest first. */
  readonly lines: StoredLine[] = [];
  /** Paths of all requests. */
  readonly requests: string[] = [];
  /** While true, the tail is refused with 503. */
  down = false;
  /** While true, every session is unknown. */
  forgetful = false;
  /** While true, reading lines fails with 500. */
  broken = false;
  readonly #tails = new Map<ServerResponse, URLSearchParams>();
  readonly #lookers = new Set<() => void>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #pages: Awaited<ReturnType<typeof buildPage>> = new Map();

  static async start(lines: readonly StoredLine[] = []): Promise<FakeApi> {
    const api = new FakeApi();
    api.lines.push(...lines);
    api.#pages = await buildPage();
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The address that signs in. */
  get signInUrl(): string {
    return `${this.origin}/#token=${TOKEN}`;
  }

  get tails(): number {
    return this.#tails.size;
  }

  /** Resolves once the condition holds; it is looked at when a live connection opens or closes. */
  until(condition: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`not within 20 s: ${condition}; ${this.tails} tails`)), 20_000);
    const look = (): void => {
      if (!condition()) return;
      clearTimeout(timer);
      this.#lookers.delete(look);
      resolve();
    };
    this.#lookers.add(look);
    look();
    return promise;
  }

  /** Stores lines and sends them to the viewers that they match. */
  emit(lines: readonly StoredLine[]): void {
    this.lines.push(...lines);
    for (const [response, params] of this.#tails) {
      const matching = lines.filter((line) => matches(line, params));
      if (matching.length > 0) response.write(`event: lines\ndata: ${JSON.stringify(matching)}\n\n`);
    }
  }

  /** Tells every viewer that lines were left out. */
  skip(count: number): void {
    for (const response of this.#tails.keys()) response.write(`event: skipped\ndata: ${JSON.stringify({ count })}\n\n`);
  }

  /** Cuts the live connections, as a restart does. */
  cutTails(): void {
    for (const response of this.#tails.keys()) response.destroy();
    this.#tails.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutTails();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.origin);
    this.requests.push(url.pathname + url.search);
    const file = this.#pages.get(url.pathname);
    if (file !== undefined) {
      response.writeHead(200, { "content-type": file.type, "content-security-policy": CONTENT_POLICY });
      response.end(file.body);
      return;
    }
    if (url.pathname === "/api/v1/session") return await this.#session(request, response);
    if (this.forgetful || !(request.headers.cookie ?? "").includes("session=1"))
      return json(response, 401, { error: "no token" });
    if (url.pathname === "/api/v1/lines") {
      if (this.broken) return json(response, 500, { error: "the store does not answer" });
      const answer = this.#page(url.searchParams);
      if (answer === null) return json(response, 404, { error: "no such line" });
      return json(response, 200, { ...answer, lines: answer.lines.map(listed) });
    }
    if (url.pathname.startsWith("/api/v1/lines/")) {
      const line = this.lines.find(({ id }) => url.pathname === `/api/v1/lines/${id}`);
      return line === undefined ? json(response, 404, { error: "no such line" }) : json(response, 200, line);
    }
    if (url.pathname === "/api/v1/histogram") return json(response, 200, this.#histogram(url.searchParams));
    if (url.pathname === "/api/v1/facets") return json(response, 200, this.#facets(url.searchParams));
    if (url.pathname === "/api/v1/tail") {
      if (this.down) return json(response, 503, { error: "starting" });
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(": open\n\n");
      this.#tails.set(response, url.searchParams);
      response.on("close", () => {
        this.#tails.delete(response);
        this.#look();
      });
      return this.#look();
    }
    json(response, 404, { error: `no such address: ${url.pathname}` });
  }

  #look(): void {
    for (const look of this.#lookers) look();
  }

  async #session(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const flags = "HttpOnly; SameSite=Strict; Path=/";
    if (request.method === "DELETE") {
      response.setHeader("set-cookie", `session=; Max-Age=0; ${flags}`);
      return json(response, 200, { status: "ok" });
    }
    const body = (await jsonBody(request)) as { readonly token?: unknown };
    if (body.token !== TOKEN) return json(response, 401, { error: "The token is not right." });
    this.forgetful = false;
    response.setHeader("set-cookie", `session=1; ${flags}`);
    json(response, 200, { status: "ok" });
  }

  #page(params: URLSearchParams): LinesAnswer | null {
    const limit = Number(params.get("limit") ?? 200);
    const found = this.lines.filter((line) => matches(line, params)).sort((a, b) => a.timestamp - b.timestamp);
    const around = params.get("around");
    if (around !== null) {
      const index = found.findIndex((line) => line.id === around);
      if (index < 0) return null;
      const from = Math.max(0, index - Math.floor(limit / 2));
      return { lines: found.slice(from, from + limit).reverse(), next: null };
    }
    if (params.get("order") !== "asc") found.reverse();
    const from = Number(params.get("cursor") ?? 0);
    return { lines: found.slice(from, from + limit), next: from + limit < found.length ? String(from + limit) : null };
  }

  #histogram(params: URLSearchParams): HistogramAnswer {
    const from = Number(params.get("from"));
    const to = Number(params.get("to"));
    const bucketMs = Math.max(1, Math.ceil((to - from) / Number(params.get("buckets") ?? 60)));
    const buckets = new Map<number, Record<string, number>>();
    for (const line of this.lines.filter((candidate) => matches(candidate, params))) {
      const start = Math.floor(line.timestamp / bucketMs) * bucketMs;
      const counts = buckets.get(start) ?? {};
      counts[line.level] = (counts[line.level] ?? 0) + 1;
      buckets.set(start, counts);
    }
    const sorted = [...buckets].sort(([a], [b]) => a - b);
    return { from, to, bucketMs, buckets: sorted.map(([start, counts]) => ({ start, counts })) };
  }

  #facets(params: URLSearchParams): FacetsAnswer {
    const found = this.lines.filter((line) => matches(line, params));
    const count = (values: (line: StoredLine) => readonly string[]): FacetsAnswer["host"] => {
      const counts = new Map<string, number>();
      for (const line of found) for (const value of values(line)) counts.set(value, (counts.get(value) ?? 0) + 1);
      return [...counts].map(([value, n]) => ({ value, count: n })).sort((a, b) => b.count - a.count);
    };
    return {
      host: count((line) => [line.host]),
      app: count((line) => [line.app]),
      file: count((line) => [line.file]),
      level: count((line) => [line.level]),
      env: count((line) => (line.env === "" ? [] : [line.env])),
      tag: count((line) => line.tags),
    };
  }
}

/** A line as lists show it. */
function listed(line: StoredLine): StoredLine {
  if (line.line.length <= 65_536) return line;
  return { ...line, line: line.line.slice(0, 16_384), wholeBytes: Buffer.byteLength(line.line) };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function matches(line: StoredLine, params: URLSearchParams): boolean {
  const any = (name: string, values: readonly string[]): boolean => {
    const wanted = params.getAll(name);
    return wanted.length === 0 || wanted.some((value) => values.includes(value));
  };
  const from = params.get("from");
  const to = params.get("to");
  const receivedFrom = params.get("received_from");
  return (
    any("host", [line.host]) &&
    any("app", [line.app]) &&
    any("file", [line.file]) &&
    any("level", [line.level]) &&
    any("env", [line.env]) &&
    any("tag", line.tags) &&
    (from === null || line.timestamp >= Number(from)) &&
    (to === null || line.timestamp < Number(to)) &&
    (receivedFrom === null || line.received >= Number(receivedFrom)) &&
    [...(params.get("q") ?? "").matchAll(/(-?)(?:(host|app|file|level|env|tag):)?(?:"([^"]*)"|(\S+))/g)].every(
      ([, minus, field, phrase, word]) => {
        const text = (phrase ?? word ?? "").toLowerCase();
        const where =
          field === undefined
            ? line.line
            : field === "tag"
              ? line.tags.join("\n")
              : line[field as "host" | "app" | "file" | "level" | "env"];
        return where.toLowerCase().includes(text) !== (minus === "-");
      },
    )
  );
}

/** Lines as a small site makes them, the same at each call but for `end`: one about every `stepMs` until then. */
export function sampleLines(count: number, end: number, stepMs: number): readonly StoredLine[] {
  let seed = 20_261_124;
  const random = (): number => {
    // Mulberry-like mixing is more than a test needs; this is the generator of Numerical Recipes.
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const pick = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(random() * values.length)] ?? values[0];
  const path = () => pick(["/", "/api/orders", "/api/orders/1842/items", "/static/app.css", "/login", "/health"]);
  return Array.from({ length: count }, (_, i) => {
    const at = end - (count - i) * stepMs - Math.floor(random() * stepMs);
    const host = pick(["web-1", "web-2", "db-1.internal.example", "queue-1"]);
    const dice = random();
    if (dice < 0.55) {
      return makeLine(i, at, {
        host,
        line: `10.0.${Math.floor(random() * 9)}.${Math.floor(random() * 250)} "GET ${path()} HTTP/1.1" 200 ${Math.floor(random() * 20_000)} ${Math.floor(random() * 300)}ms`,
        tags: ["frontend"],
      });
    }
    if (dice < 0.75) {
      const level = pick(["debug", "info", "trace"]);
      return makeLine(i, at, {
        host,
        app: "orders",
        file: "/srv/orders/shared/log/production.log",
        level,
        line: `{"level":"${level}","msg":"order stored","order":${Math.floor(random() * 9999)},"items":${Math.floor(random() * 9)}}`,
        meta: JSON.stringify({ trace: `4bf92f3577b34da6a3ce${i}`, user: { id: i, plan: "team" } }),
        tags: ["backend", "eu"],
        label: { "app.kubernetes.io/name": "orders" },
      });
    }
    if (dice < 0.88) {
      return makeLine(i, at, {
        host,
        app: "sshd",
        file: "/var/log/auth.log",
        level: "",
        line: `sshd[${1000 + (i % 900)}]: Accepted publickey for deploy from 10.0.0.${i % 250} port 52${i % 1000} ssh2`,
      });
    }
    const level = pick(["warn", ...LEVELS.slice(3), "warn", "error"]);
    return makeLine(i, at, {
      host,
      app: "postgres",
      file: "/var/log/postgresql/postgresql-16-main.log",
      level,
      line: `\u001b[31m${level.toUpperCase()}\u001b[0m: ${pick(["connection to client lost", "could not serialize access due to concurrent update", "duration: 1843.122 ms  statement: SELECT * FROM orders WHERE customer_id = $1", "canceling statement due to statement timeout"])}`,
      tags: ["backend"],
    });
  });
}
