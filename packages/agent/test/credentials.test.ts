import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentProcess, makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

async function openSink(t: TestContext): Promise<Sink> {
  const sink = await startSink();
  t.after(() => sink.close());
  return sink;
}

/** The directory that systemd makes for a service and names in CREDENTIALS_DIRECTORY; only the service's user reads it. */
function credentials(place: Place, key: string): { directory: string; file: string } {
  const directory = join(place.root, "credentials");
  mkdirSync(directory, { mode: 0o700 });
  const file = join(directory, "ingestion-key");
  writeFileSync(file, `${key}\n`, { mode: 0o400 });
  return { directory, file };
}

async function start(
  t: TestContext,
  sink: Sink,
  place: Place,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AgentProcess> {
  const without = { LOGDNA_LOOKBACK: "start", LOGDNA_INGESTION_KEY: undefined };
  return startedAgent(t, { place, port: sink.port, env: { ...without, ...env } });
}

test("the credential of the service is the key, and a new one counts when the old one is rejected", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  let valid = "first-credential-0123456789";
  sink.behave((request, response) => {
    if (request.headers.apikey === valid) return false;
    response.writeHead(403).end(`no account for ${request.headers.apikey}`);
    return true;
  });
  const { directory, file } = credentials(place, valid);
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await start(t, sink, place, { CREDENTIALS_DIRECTORY: directory });
  await sink.until(() => sink.texts().includes("one"));

  valid = "second-credential-0123456789";
  writeFileSync(`${file}.new`, `${valid}\n`, { mode: 0o400 });
  renameSync(`${file}.new`, file);
  appendFileSync(join(place.logs, "a.log"), "two\n");
  await sink.until(() => sink.texts().includes("two"));
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two"]);
  assert.equal(agent.log().filter(({ event, path }) => event === "key_renewed" && path === file).length, 1);
  assert.doesNotMatch(agent.output(), /(?:first|second)-credential/);
});

test("an option that gives the key counts before the credential", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  const { directory } = credentials(place, "credential-0123456789");
  const keyFile = join(place.root, "key");
  writeFileSync(keyFile, "key-of-the-option-0123456789\n");
  const keys = new Set<string | undefined>();
  sink.behave((request) => {
    keys.add(String(request.headers.apikey));
    return false;
  });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await start(t, sink, place, { CREDENTIALS_DIRECTORY: directory, MZ_INGESTION_KEY_FILE: keyFile });
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await agent.stop(), 0);
  assert.deepEqual([...keys], ["key-of-the-option-0123456789"]);
});

test("a credential that cannot be a key, or cannot be read, ends the start with 22 and its place", async (t) => {
  const place = makePlace();
  const { directory, file } = credentials(place, "not a key");
  const env = { LOGDNA_INGESTION_KEY: undefined, CREDENTIALS_DIRECTORY: directory };
  const agent = startAgent(t, { place, port: 1, env });
  assert.equal(await agent.ended, 22);
  assert.match(
    agent.output(),
    new RegExp(`^credential ingestion-key: the file ${file} must hold an ingestion key`, "m"),
  );
  assert.doesNotMatch(agent.output(), /not a key/);

  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  if (process.geteuid?.() !== 0) return;
  chmodSync(place.root, 0o755);
  const other = startAgent(t, { place, port: 1, env, wrapper: nobody });
  assert.equal(await other.ended, 22);
  assert.match(other.output(), /^credential ingestion-key: cannot read the key from .*\/ingestion-key: EACCES/m);
});

test("a service without that credential is told how to give a key", async (t) => {
  const place = makePlace();
  const env = { LOGDNA_INGESTION_KEY: undefined, CREDENTIALS_DIRECTORY: join(place.root, "none") };
  const agent = startAgent(t, { place, port: 1, env });
  assert.equal(await agent.ended, 22);
  assert.match(agent.output(), /there is no ingestion key; set MZ_INGESTION_KEY/);
});
