import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type AgentOptions,
  type AgentProcess,
  configFile,
  makePlace,
  type Place,
  startAgent,
  startedAgent,
} from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;
/** A user that the agent neither runs as nor becomes. */
const STRANGER = 12_345;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
/** EINVAL, as in the existing agents. */
const CONFIG_ERROR = 22;
const START_FAILED = 1;

/** Starts an agent that ends by itself; gives its exit code and all that it wrote. */
async function refused(
  t: TestContext,
  options: Partial<AgentOptions> = {},
): Promise<{ code: unknown; output: string }> {
  const agent = startAgent(t, { place: makePlace(), port: 1, ...options });
  const code = await agent.ended;
  return { code, output: agent.output() };
}

test("YAML that cannot be read ends the start with 22, and the file and line", async (t) => {
  const place = makePlace();
  const path = join(place.root, "config.yaml");
  writeFileSync(path, "http:\n  host: localhost\nlog:\n  dirs: [\n");
  const { code, output } = await refused(t, { place });
  assert.equal(code, CONFIG_ERROR);
  assert.match(output, new RegExp(`^${path}:[45]:\\d+: `, "m"));
});

test("a misspelt key in the file ends the start with 22, its line, and the right name", async (t) => {
  const place = makePlace();
  const path = join(place.root, "config.yaml");
  writeFileSync(path, "http:\n  host: localhost\n  use_sll: true\n");
  const { code, output } = await refused(t, { place });
  assert.equal(code, CONFIG_ERROR);
  assert.match(output, new RegExp(`^${path}:3:\\d+: .*use_sll.*use_ssl`, "m"));
});

test("an unknown flag ends the start with 22, and the flag that may be meant", async (t) => {
  const { code, output } = await refused(t, { args: ["--tagz", "a"] });
  assert.equal(code, CONFIG_ERROR);
  assert.match(output, /--tagz.*--tags/);
});

test("without a key the start ends with 22, and says where to put one", async (t) => {
  const { code, output } = await refused(t, { env: { LOGDNA_INGESTION_KEY: undefined } });
  assert.equal(code, CONFIG_ERROR);
  assert.match(output, /no ingestion key; set MZ_INGESTION_KEY/);
});

test("a file of authorities that holds none ends the start, and is named", async (t) => {
  for (const content of ["", "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"]) {
    const place = makePlace();
    const file = join(place.root, "ca.pem");
    writeFileSync(file, content);
    const { code, output } = await refused(t, { place, env: { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: file } });
    assert.equal(code, CONFIG_ERROR);
    assert.match(
      output,
      new RegExp(`^environment variable SSL_CERT_FILE: Cannot use the CA certificates in ${file}`, "m"),
    );
  }
});

/** What can stand where the state should be, and what is said of it. */
const BAD_STATES: readonly (readonly [what: string, make: (place: Place) => void, says: RegExp, root?: true])[] = [
  ["a file", ({ state }) => writeFileSync(state, "mine"), /Cannot open the state in .*EEXIST|is not a directory/],
  [
    "a link to a directory",
    ({ root, state }) => {
      mkdirSync(join(root, "elsewhere"));
      symlinkSync(join(root, "elsewhere"), state);
    },
    /is not a directory\. Give another with --db-path/,
  ],
  [
    "a directory of another user",
    ({ state }) => {
      mkdirSync(state);
      chownSync(state, STRANGER, STRANGER);
    },
    /belongs to user 12345.*--db-path/,
    true,
  ],
  [
    "a directory with a link planted in it",
    ({ root, state }) => {
      mkdirSync(state);
      symlinkSync(join(root, "victim"), join(state, "state.sqlite"));
    },
    /state\.sqlite is a symbolic link, which is not followed: remove it and start again/,
  ],
  [
    "a directory with a link planted for the write-ahead log",
    ({ root, state }) => {
      mkdirSync(state);
      symlinkSync(join(root, "victim"), join(state, "state.sqlite-wal"));
    },
    /symbolic link, which is not followed: remove it and start again/,
  ],
];

for (const [what, make, says, root] of BAD_STATES) {
  const skip = root === true && !isRoot && "needs root to give a directory away";
  test(`${what} in the place of the state ends the start, and nothing is written there`, { skip }, async (t) => {
    const place = makePlace();
    make(place);
    const { code, output } = await refused(t, { place });
    assert.equal(code, START_FAILED);
    assert.match(output, says);
    assert.ok(output.includes(place.state), output);
    assert.equal(existsSync(join(place.root, "victim")), false);
    assert.equal(existsSync(join(place.root, "elsewhere", "state.sqlite")), false);
    if (what === "a file") assert.equal(readFileSync(place.state, "utf8"), "mine");
  });
}

test("a second agent on the same state is refused, and the first goes on", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const first = await startedAgent(t, { place, port: sink.port });
  const { code, output } = await refused(t, { place, port: sink.port });
  assert.equal(code, START_FAILED);
  assert.match(
    output,
    /Another agent is using the state.*Stop it first, or give this one another directory with --db-path/,
  );
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await first.stop(), 0);
});

/** An agent without privileges in a place of its own. */
async function asNobody(
  t: TestContext,
  before: (place: Place) => void,
): Promise<{ place: Place; sink: Sink; agent: AgentProcess }> {
  const place = makePlace();
  configFile(place);
  for (const path of [place.root, place.logs]) chownSync(path, NOBODY, NOBODY);
  before(place);
  const sink = await startSink();
  t.after(() => sink.close());
  const env = { LOGDNA_LOOKBACK: "start" };
  return { place, sink, agent: await startedAgent(t, { place, port: sink.port, env, wrapper: AS_NOBODY }) };
}

const skip = !isRoot && "needs root to drop its privileges";

test("a file without permission to read is told, and ships once it may be read", { skip }, async (t) => {
  const { place, sink, agent } = await asNobody(t, ({ logs }) => {
    writeFileSync(join(logs, "closed.log"), "closed\n", { mode: 0o600 });
    writeFileSync(join(logs, "open.log"), "open\n", { mode: 0o644 });
  });
  const closed = join(place.logs, "closed.log");
  const { message } = await agent.logged(({ event, path }) => event === "file_unreadable" && path === closed);
  assert.match(message, /Cannot open .*closed\.log \(EACCES\).*denies reading/);
  await sink.until(() => sink.texts().includes("open"));
  appendFileSync(closed, "more\n");
  chmodSync(closed, 0o644);
  await sink.until(() => sink.texts(closed).length === 2);
  assert.deepEqual(sink.texts(closed), ["closed", "more"]);
  assert.equal(await agent.stop(), 0);
});

test("a directory without permission to list is told, and its files ship once it may be listed", {
  skip,
}, async (t) => {
  const { place, sink, agent } = await asNobody(t, ({ logs }) => {
    mkdirSync(join(logs, "closed"), { mode: 0o700 });
    writeFileSync(join(logs, "closed", "a.log"), "inside\n", { mode: 0o644 });
    writeFileSync(join(logs, "open.log"), "open\n", { mode: 0o644 });
  });
  const closed = join(place.logs, "closed");
  await agent.logged(({ event, path }) => event === "directory_unreadable" && path === closed);
  await sink.until(() => sink.texts().includes("open"));
  chmodSync(closed, 0o755);
  await sink.until(() => sink.texts().includes("inside"));
  assert.equal(await agent.stop(), 0);
});
