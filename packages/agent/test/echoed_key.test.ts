import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { startSink } from "./sink.ts";

/** What the configuration takes for a key, and JSON and URLs do not leave as it is. */
const KEY = 'Zq"7Hw\\fK2m&secretpart/0123456789';
/** Of these none may be in any output. */
const PARTS = /Zq"7|Zq\\"7|Zq%227|7Hw|fK2m|secretpart|0123456|WnEiN0h3/i;

/** In what ways a server may repeat the key that it was sent. */
const ECHOES: readonly ((key: string) => string)[] = [
  (key) => `no account for ${key}`,
  (key) => `{"error":${JSON.stringify(`no account for ${key}`)}}`,
  (key) => `no such page: /accounts/${encodeURIComponent(key)}`,
  (key) => `basic ${Buffer.from(`${key}:`).toString("base64")}`,
  // The border where an answer is cut is within it.
  (key) => `${"x".repeat(290)}${key}`,
];

test("a key that the server repeats is in no output, however it is written; the lines in the quarantine stay as they are", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  let failures = 0;
  sink.behave((request, response, { lines }) => {
    const key = String(request.headers.apikey);
    assert.equal(key, KEY);
    const isPoison = lines.some(({ line }) => line.startsWith("poison"));
    const echo = isPoison ? ECHOES[lines[0]?.line.at(-1) === "a" ? 0 : 4] : ECHOES[failures];
    if (echo === undefined) return false;
    if (!isPoison) failures += 1;
    response.writeHead(isPoison ? 400 : 503, { "x-key": key }).end(echo(key));
    return true;
  });
  writeFileSync(join(place.logs, "app1.log"), `order 1 of production\npoison 11 a\npoison 11 b, ${KEY}\n`);
  const agent = await startedAgent(t, {
    place,
    port: sink.port,
    env: { LOGDNA_INGESTION_KEY: KEY, LOGDNA_LOOKBACK: "start", MZ_HEADERS: "x-scope-orgid: 1" },
  });
  const [told, kept] = [join(place.state, "status.json"), join(place.state, "quarantine.jsonl")];
  const problems = new Set<string>();
  await eventually(() => {
    // A line is given up while others are accepted.
    appendFileSync(join(place.logs, "others.log"), "another order\n");
    const text = readFileSync(told, "utf8");
    problems.add(text);
    assert.doesNotMatch(text, PARTS);
    return existsSync(kept) && readFileSync(kept, "utf8").trimEnd().split("\n").length === 2;
  }, "both lines are set aside");
  assert.match([...problems].join(), /answered (503|400)/);
  assert.equal(await agent.stop(), 0);
  assert.equal(failures, ECHOES.length);
  assert.doesNotMatch(agent.output(), PARTS);
  const quarantine = readFileSync(kept, "utf8");
  assert.doesNotMatch(quarantine, PARTS);
  const lines = quarantine
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ line, file }) => [line, file]),
    [
      ["poison 11 a", join(place.logs, "app1.log")],
      ["poison 11 b, ***", join(place.logs, "app1.log")],
    ],
  );
  assert.match(String(lines[0]?.reason), /no account for \*\*\*/);
});
