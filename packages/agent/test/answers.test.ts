import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

const KEY = "test-key-0123456789";

/** Every answer by what the agent makes of it. Refusals of what a body holds are in quarantine.test.ts. */
const ANSWERS = {
  taken: [200, 201, 202, 203, 204, 205, 226, 299],
  "tried again": [
    ...[408, 425, 429, 499, 500, 502, 503, 504, 506, 507, 508, 509, 511],
    // Of content delivery networks.
    ...[520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 598, 599],
  ],
  "kept for a person": [
    ...[206, 207, 300, 301, 302, 303, 304, 305, 307, 308],
    ...[402, 404, 405, 406, 407, 409, 410, 411, 414, 415, 421, 426, 431, 451],
    ...[501, 505, 600, 999],
    ...[401, 403],
  ],
} as const;

async function openSink(t: TestContext): Promise<Sink> {
  const sink = await startSink();
  t.after(() => sink.close());
  return sink;
}

for (const [what, statuses] of Object.entries(ANSWERS)) {
  test(`each status of which the line is ${what}: it arrives once, and no redirect is followed`, async (t) => {
    let connections = 0;
    const other = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, "localhost");
    t.after(() => other.close());
    await once(other, "listening");
    const location = `http://localhost:${(other.address() as AddressInfo).port}/logs/agent`;
    const place = makePlace();
    const sink = await openSink(t);
    const log = join(place.logs, "a.log");
    writeFileSync(log, "");
    let next: number | undefined;
    sink.behave((_, response) => {
      if (next === undefined) return false;
      response.writeHead(next, { location, refresh: `0; url=${location}` }).end();
      next = undefined;
      return true;
    });
    const agent = await startedAgent(t, { place, port: sink.port });
    const expected: string[] = [];
    const attempts = (): (readonly [id: string, ...lines: string[]])[] =>
      sink.requests.map(({ batchId, lines }) => [batchId, ...lines.map(({ line }) => line)]);
    for (const status of statuses) {
      const before = sink.requests.length;
      const line = `after ${status}`;
      next = status;
      appendFileSync(log, `${line}\n`);
      if (what === "taken") {
        // What comes behind shows that the line was dealt with.
        await sink.until(() => sink.requests.length > before);
        appendFileSync(log, `behind ${status}\n`);
        await sink.until(() => sink.texts().includes(`behind ${status}`));
        expected.push(`behind ${status}`);
        assert.deepEqual(
          attempts()
            .slice(before)
            .map(([, ...lines]) => lines),
          [[line], [`behind ${status}`]],
        );
        continue;
      }
      await sink.until(() => sink.texts().includes(line));
      expected.push(line);
      const [first, second, ...more] = attempts().slice(before);
      assert.deepEqual(more, [], `${status}`);
      assert.deepEqual(second, first, `${status}`);
      const { message } = await agent.logged(
        ({ event, message: text }) =>
          (event === "delivery_failed" || event === "key_rejected") && text.includes(String(status)),
        String(status),
      );
      if (what === "tried again") assert.match(message, new RegExp(`the server answered ${status}\\. Next attempt`));
      else assert.match(message, /check the configured host and endpoint|rejects the ingestion key/);
    }
    assert.equal(await agent.stop(), 0);
    assert.equal(connections, 0);
    assert.deepEqual(sink.texts(), expected);
    const counters = await agent.logged(({ event }) => event === "agent_counters");
    assert.equal(counters.lines_shipped, statuses.length * (what === "taken" ? 2 : 1));
    assert.deepEqual([counters.lines_refused, counters.bytes_dropped], [0, 0]);
    assert.ok(!agent.output().includes(KEY));
  });
}

test("answers of 1xx are no answers: what follows them counts, and where nothing follows the line is sent again", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  writeFileSync(join(place.logs, "a.log"), "a line\n");
  let turn = 0;
  sink.behave((request, response) => {
    turn += 1;
    if (turn === 1) {
      request.socket.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n");
      return true;
    }
    if (turn === 2) {
      response.writeProcessing();
      response.writeEarlyHints({ link: "</elsewhere>; rel=preload" });
      response.writeHead(503).end();
      return true;
    }
    response.writeProcessing();
    return false;
  });
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start" } });
  await sink.until(() => sink.texts().length > 0);
  assert.equal(await agent.stop(), 0);
  assert.equal(sink.requests.length, 3);
  assert.deepEqual(sink.texts(), ["a line"]);
});

test("a key that was rotated in its file is found there after the old one is rejected, without a signal", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  writeFileSync(join(place.logs, "a.log"), "one\n");
  let valid = "first-key-0123456789";
  sink.behave((request, response) => {
    if (request.headers.apikey === valid) return false;
    response.writeHead(403).end(`no account for ${request.headers.apikey}`);
    return true;
  });
  const secrets = join(place.root, "secrets");
  mkdirSync(secrets);
  const keyFile = join(secrets, "key");
  writeFileSync(keyFile, `${valid}\n`);
  const env = { LOGDNA_LOOKBACK: "start", LOGDNA_INGESTION_KEY: undefined, LOGDNA_INGESTION_KEY_FILE: keyFile };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("one"));

  // The file changes first: the first rejection finds the new key, and there is no slow wait.
  valid = "second-key-0123456789";
  writeFileSync(`${keyFile}.new`, `${valid}\n`);
  renameSync(`${keyFile}.new`, keyFile);
  const begun = performance.now();
  appendFileSync(join(place.logs, "a.log"), "two\n");
  await sink.until(() => sink.texts().includes("two"));
  assert.ok(performance.now() - begun < 4000, `${performance.now() - begun} ms`);

  // The account changes first: the lines wait, slowly, for the file, and what is no key is not taken for one.
  valid = "third-key-0123456789";
  appendFileSync(join(place.logs, "a.log"), "three\n");
  writeFileSync(keyFile, "");
  await agent.logged(({ event, path }) => event === "key_unreadable" && path === keyFile);
  const { message } = await agent.logged(({ event, keyFile: file }) => event === "key_rejected" && file === keyFile);
  assert.match(message, /Put a valid one into .*secrets\/key, which is read again before each attempt/);
  writeFileSync(keyFile, `${valid}\n`);
  await sink.until(() => sink.texts().includes("three"));
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two", "three"]);
  assert.equal(agent.log().filter(({ event }) => event === "key_renewed").length, 2);
  assert.doesNotMatch(agent.output(), /(?:first|second|third)-key/);
});
