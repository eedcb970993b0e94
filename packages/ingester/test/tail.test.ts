import assert from "node:assert/strict";
import { get, type IncomingMessage } from "node:http";
import { after, type TestContext, test } from "node:test";
import type { StoredLine, TailSkipped } from "@logdna-agent/protocol";
import { ask } from "./requests.ts";
import { type Parameters, startServer } from "./server.ts";

const server = await startServer({ after });

interface Viewer {
  readonly response: IncomingMessage;
  readonly lines: readonly StoredLine[];
  readonly skipped: () => number;
  /** Resolves once the condition holds; it is looked at after each event. */
  until(condition: () => boolean): Promise<void>;
}

/** Opens a live tail; it watches from when this resolves. */
async function watch(t: TestContext, parameters: Parameters = {}): Promise<Viewer> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { authorization: `Bearer ${server.token}` };
  const request = get(`${server.url}/api/v1/tail?${query}`, { headers, agent: false }, resolve).on("error", reject);
  t.after(() => void request.destroy());
  const response = await promise;
  response.on("error", () => undefined);
  assert.equal(response.statusCode, 200);
  const lines: StoredLine[] = [];
  let skipped = 0;
  let looks: (() => void)[] = [];
  let buffered = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    const events = (buffered + chunk).split("\n\n");
    buffered = events.pop() ?? "";
    for (const event of events) {
      const [, name, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
      if (name === "lines") lines.push(...(JSON.parse(data) as StoredLine[]));
      if (name === "skipped") skipped += (JSON.parse(data) as TailSkipped).count;
    }
    for (const look of looks) look();
  });
  return {
    response,
    lines,
    skipped: () => skipped,
    until(condition) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => reject(new Error(`not within 20 s: ${condition}, ${lines.length} lines`)), 20_000);
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        looks = looks.filter((other) => other !== look);
        resolve();
      };
      looks.push(look);
      look();
      return promise;
    },
  };
}

const texts = (viewer: Viewer): string[] => viewer.lines.map(({ line }) => line);

test("lines arrive within a second after the 200, as the search gives them", async (t) => {
  const viewer = await watch(t, { host: "live" });
  assert.equal(viewer.response.headers["content-type"], "text/event-stream; charset=utf-8");
  assert.equal(viewer.response.headers["cache-control"], "no-store");
  for (let n = 0; n < 10; n += 1) {
    await server.store("live", [{ line: `line ${n}\nwith a second one`, app: "app", meta: { n }, tags: "t" }]);
    const stored = performance.now();
    await viewer.until(() => viewer.lines.length > n);
    assert.ok(performance.now() - stored < 1000);
  }
  assert.deepEqual(viewer.lines, await server.lines({ host: "live" }));
});

test("a batch that is sent again is not shown again, and one that is refused not at all", async (t) => {
  const viewer = await watch(t, { host: "once" });
  const lines = [{ line: "first", app: "app" }];
  await server.store("once", lines, { batch: "once" });
  await server.store("once", lines, { batch: "once" });
  assert.equal((await server.post({ lines: [...lines, {}] }, { query: "hostname=once" })).status, 400);
  await server.store("once", [{ line: "last", app: "app" }]);
  await viewer.until(() => texts(viewer).includes("last"));
  assert.deepEqual(texts(viewer), ["first", "last"]);
});

const LINES = [
  { line: "Disk 100% full", app: "a", level: "error", env: "prod", tags: "x,y" },
  { line: "disk 1000 full", app: "b", file: "/f", level: "info", tags: "y" },
  { line: "user_name ÄRGER", app: "a", level: "audit" },
  { line: 'back\\slash "quoted" it\'s', app: "c", file: "/g", host: "another" },
];
const FILTERS: readonly Parameters[] = [
  {},
  { q: "DISK" },
  { q: "disk -100%" },
  { q: "%" },
  { q: "_" },
  { q: "Ärger" },
  { q: "ärger" },
  { q: '"full"' },
  { q: "\\" },
  { q: '"\\"quoted\\""' },
  { q: "' OR 1=1" },
  { q: "level:error" },
  { q: "-level:error" },
  { q: "level:error level:info" },
  { q: "-tag:x" },
  { q: "env:prod" },
  { env: ["prod", "dev"] },
  { q: "-env:prod" },
  { tag: "y" },
  { tag: ["x", "z"] },
  { app: ["a", "c"], q: "e" },
  { file: "/g" },
  { host: "another" },
  { level: "audit" },
];

test("the filters of the live tail are those of the search", async (t) => {
  const viewers = await Promise.all(FILTERS.map((filter) => watch(t, { app: ["a", "b", "c", "end"], ...filter })));
  const everything = await watch(t);
  await server.store("filters", LINES);
  await everything.until(() => everything.lines.length >= LINES.length);
  for (const [n, viewer] of viewers.entries()) {
    const filter = { app: ["a", "b", "c", "end"], ...FILTERS[n] };
    const expected = await server.texts(filter);
    await viewer.until(() => viewer.lines.length >= expected.length);
    assert.deepEqual(texts(viewer), expected, JSON.stringify(filter));
  }
});

test("a range of time does not keep lines from a live tail", async (t) => {
  const viewer = await watch(t, { host: "ranged", from: 0, to: 1 });
  await server.store("ranged", [{ line: "now", app: "app" }]);
  await viewer.until(() => viewer.lines.length === 1);
});

test("fifty viewers are each shown every line, in order", async (t) => {
  const viewers = await Promise.all(Array.from({ length: 50 }, () => watch(t, { host: "many" })));
  const sent = Array.from({ length: 2000 }, (_, n) => `line ${n}`);
  for (let n = 0; n < sent.length; n += 100)
    await server.store(
      "many",
      sent.slice(n, n + 100).map((line) => ({ line, app: "app" })),
    );
  for (const viewer of viewers) {
    await viewer.until(() => viewer.lines.length >= sent.length);
    assert.deepEqual(texts(viewer), sent);
    assert.equal(viewer.skipped(), 0);
  }
});

test("a viewer that does not read is skipped over, is told how many it missed, and holds up nobody", async (t) => {
  const slow = await watch(t, { host: "flood" });
  const quick = await watch(t, { host: "flood" });
  slow.response.pause();
  let sent = 0;
  for (let batch = 0; batch < 50; batch += 1) {
    const lines = Array.from({ length: 1000 }, (_, n) => ({
      line: `${batch * 1000 + n} ${"x".repeat(1000)}`,
      app: "app",
    }));
    await server.store("flood", lines);
    sent += lines.length;
  }
  await quick.until(() => quick.lines.length + quick.skipped() === sent);
  assert.equal(quick.skipped(), 0);
  slow.response.resume();
  await slow.until(() => slow.lines.length + slow.skipped() === sent);
  assert.ok(slow.skipped() > 0);
  const numbers = slow.lines.map(({ line }) => Number(line.split(" ")[0]));
  assert.equal(numbers.at(-1), sent - 1, "the newest lines are kept");
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  );
});

test("HEAD of the live tail is no live tail", { timeout: 20_000 }, async () => {
  const answer = await ask(`${server.url}/api/v1/tail`, {
    method: "HEAD",
    headers: { authorization: `Bearer ${server.token}` },
  });
  assert.equal(answer.status, 404);
});

test("a server that stops ends its tails", async (t) => {
  const own = await startServer(t);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get(`${own.url}/api/v1/tail`, { headers: { authorization: `Bearer ${own.token}` } }, resolve).on("error", reject);
  const response = await promise;
  const closed = new Promise((resolve) => response.resume().on("close", resolve));
  response.on("error", () => undefined);
  assert.equal(await own.stop(), 0);
  await closed;
});
