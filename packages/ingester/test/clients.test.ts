import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import type { FacetsAnswer } from "@logdna-agent/protocol";
import { makeDirectory, startServer } from "./server.ts";

const run = promisify(execFile);
const NPM_CLIENT = fileURLToPath(new URL("npm_client.ts", import.meta.url));
const server = await startServer({ after }, { secure: true });
const url = server.url.replace("127.0.0.1", "localhost");
const caFile = server.ready.caFile ?? "";

/** Runs one of LogDNA's npm clients, which trusts the server's authority only through Node's own variable for that. */
const npmClient = (client: string, env: Readonly<Record<string, string>>): Promise<unknown> =>
  run(process.execPath, [NPM_CLIENT, client, `${url}/logs/ingest`], { env: { KEY: server.key, ...env } });

test("@logdna/logger stores lines over HTTPS, and they are found", async () => {
  await npmClient("logger", { NODE_EXTRA_CA_CERTS: caFile });
  const lines = await server.lines({ host: "logger-host", app: "shop", tag: "a" });
  assert.deepEqual(lines.map(({ line }) => line).toSorted(), [
    "a plain line",
    "a warning",
    "an error 😀",
    '{"message":"an object"}',
  ]);
  for (const { env, tags } of lines) assert.deepEqual([env, tags], ["production", ["a", "b"]]);
  const [error] = await server.lines({ host: "logger-host", level: "error" });
  assert.ok(error !== undefined && Math.abs(error.received - error.timestamp - 60_000) < 10_000);
  assert.deepEqual(JSON.parse(error.meta), { order: { id: 7 } });
  const { level }: FacetsAnswer = await server.read("/api/v1/facets", { host: "logger-host" });
  assert.deepEqual(level, [
    { value: "info", count: 2 },
    { value: "error", count: 1 },
    { value: "warn", count: 1 },
  ]);
});

test("logdna-winston stores lines over HTTPS, and they are found", async () => {
  await npmClient("winston", { NODE_EXTRA_CA_CERTS: caFile });
  const lines = await server.lines({ host: "winston-host", app: "shop" });
  assert.deepEqual(lines.map(({ line, level }) => [line, level]).toSorted(), [
    ["a plain line", "info"],
    ["a warning", "warn"],
    ["an error 😀", "error"],
  ]);
  const [error] = await server.lines({ host: "winston-host", q: "😀" });
  assert.deepEqual(JSON.parse(error?.meta ?? ""), { order: { id: 7 } });
});

test("a client that does not trust the authority sends nothing", async () => {
  await assert.rejects(npmClient("logger", {}), /certificate/);
});

test("a client with a wrong key is told so", async () => {
  await assert.rejects(npmClient("logger", { NODE_EXTRA_CA_CERTS: caFile, KEY: "0".repeat(32) }), /403|not known/);
});

const noCurl = spawnSync("curl", ["--version"]).error === undefined ? false : "curl is missing";

/** What a person would type, and the line that it stores. */
const CURLS: readonly (readonly [what: string, args: readonly string[], line: string])[] = [
  [
    "the public documentation's example",
    [
      "-u",
      `${server.key}:`,
      "-H",
      "Content-Type: application/json; charset=UTF-8",
      "-d",
      '{"lines":[{"line":"doc","app":"curl"}]}',
    ],
    "doc",
  ],
  ["a form's content type", ["-H", `apikey: ${server.key}`, "-d", '{"lines":[{"line":"form","file":"/f"}]}'], "form"],
];

for (const [what, args, line] of CURLS)
  test(`curl: ${what}`, { skip: noCurl }, async () => {
    const { stdout } = await run("curl", [
      "-sS",
      "--cacert",
      caFile,
      ...args,
      `${url}/logs/ingest?hostname=curl-${line}&now=1`,
    ]);
    assert.deepEqual(JSON.parse(stdout), { status: "ok" });
    assert.deepEqual(await server.texts({ host: `curl-${line}` }), [line]);
  });

test("curl: gzip from a file, large enough that curl waits to be told to go on", { skip: noCurl }, async () => {
  const file = join(makeDirectory(), "body.gz");
  const texts = Array.from({ length: 5000 }, (_, n) => `${n} ${"0123456789abcdef".slice(n % 16)}${n * 7919}`);
  const lines = texts.map((line, n) => ({ line, app: "curl", timestamp: 1767323045678 + n }));
  writeFileSync(file, gzipSync(JSON.stringify({ lines }), { level: 0 }));
  const headers = ["-H", `apikey: ${server.key}`, "-H", "Content-Encoding: gzip", "-H", "Expect: 100-continue"];
  const { stdout } = await run("curl", [
    "-sS",
    "--cacert",
    caFile,
    ...headers,
    "--data-binary",
    `@${file}`,
    `${url}/logs/agent?hostname=curl-gzip`,
  ]);
  assert.deepEqual(JSON.parse(stdout), { status: "ok" });
  assert.deepEqual(await server.texts({ host: "curl-gzip" }), texts);
});

test("curl: without the authority's file it refuses the server", { skip: noCurl }, async () => {
  await assert.rejects(run("curl", ["-sS", `${url}/health/live`]), { code: 60 });
});
