import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { mountAt, mountsRefused, TMPFS } from "../src/watch/mounting.ts";
import { type AgentProcess, makePlace, startAgent } from "./agent.ts";
import { NOBODY, refused, targets, traces } from "./confinement_bench.ts";
import { type Sink, startSink } from "./sink.ts";
import type { TakeoverInput } from "./takeover.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const TAKEOVER = fileURLToPath(new URL("takeover.ts", import.meta.url));
const KEY = "test-key-0123456789";
/** In the place of the key in the agent's environment: it comes by the command line. */
const BY_FLAG = { env: { LOGDNA_INGESTION_KEY: undefined }, args: ["--key", KEY] };
const BY_ENVIRONMENT = { env: { LOGDNA_INGESTION_KEY: KEY } };

interface TakenOver {
  readonly agent: AgentProcess;
  readonly sink: Sink;
  /** By attack: the code that refused it, or "done". */
  readonly results: Readonly<Record<string, string>>;
  readonly stolen: () => string;
  readonly rootLog: string;
  /** Everything about the logs that could have changed, before and after. */
  readonly before: readonly unknown[];
  readonly after: readonly unknown[];
}

/** Runs the agent as it is, takes it over from inside while it ships logs, and gives what came of each attack. */
async function takenOver(
  t: TestContext,
  confinement: string,
  { nodePermissions = false, key = BY_ENVIRONMENT as typeof BY_ENVIRONMENT | typeof BY_FLAG } = {},
): Promise<TakenOver> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  // A shared mount, as those of most hosts are: only then are all mounts made read-only for the agent.
  const unmount = mountAt(place.logs, ...TMPFS);
  execFileSync("/bin/mount", ["--make-shared", place.logs]);
  const { stolen, place: _, ...attacked } = await targets(t, place);
  const trigger = join(place.logs, "trigger");
  const input: TakeoverInput = {
    ...attacked,
    policy: { stateDirectory: place.state, executables: [process.execPath, loader()], uid: NOBODY, gid: NOBODY },
    handleMount: place.state,
    trigger,
    yek: [...KEY].reverse().join(""),
    nodePermissions,
  };
  const agent = startAgent(t, {
    ...key,
    place,
    port: sink.port,
    launcher: [process.execPath, "--disable-warning=ExperimentalWarning", "--import", TAKEOVER, MAIN],
    env: {
      ...key.env,
      LOGDNA_CONFINEMENT: confinement,
      LOGDNA_LOOKBACK: "start",
      TAKEOVER: JSON.stringify(input),
    },
  });
  t.after(unmount);
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  const { rootLog, ownLog } = attacked;
  await sink.until(() => ["of root", "of nobody"].every((text) => sink.texts().includes(text)));
  const before = [rootLog, ownLog].map(traces);
  writeFileSync(trigger, "");
  const { results } = await agent.logged(({ event }) => event === "takeover", "takeover");
  const after = [rootLog, ownLog].map(traces);
  return { agent, sink, results: results as TakenOver["results"], stolen, rootLog, before, after };
}

/** The program interpreter of Node, which could start any other program. */
function loader(): string {
  const maps = readFileSync("/proc/self/maps", "utf8");
  return /\S*\/ld-\S+$/m.exec(maps)?.[0] ?? "";
}

for (const [what, nodePermissions, key] of [
  ["by code that Node's permissions do not hold", false, BY_ENVIRONMENT],
  ["by code of Node, with the key given by a flag", true, BY_FLAG],
] as const) {
  test(`taken over while it ships logs, ${what}, the agent can do nothing beyond that, and goes on`, {
    skip: refused || mountsRefused(),
  }, async (t) => {
    const { agent, sink, results, stolen, rootLog, before, after } = await takenOver(t, "required", {
      nodePermissions,
      key,
    });
    assert.ok(Object.keys(results).length > 60);
    assert.deepEqual(
      Object.keys(results).filter((name) => results[name] === "done"),
      [],
    );
    const byNode = Object.keys(results).filter((name) => results[name] === "ERR_ACCESS_DENIED");
    assert.equal(byNode.length > 0, nodePermissions, byNode.join());
    assert.deepEqual(after, before, "the logs, their access times included, are as they were");
    assert.equal(stolen(), "");
    appendFileSync(rootLog, "after the attacks\n");
    await sink.until(() => sink.texts().includes("after the attacks"));
    assert.equal(await agent.stop(), 0);
  });
}

test("without the confinement every one of these attacks gets through", {
  skip: refused || mountsRefused(),
}, async (t) => {
  const { results, stolen, before, after } = await takenOver(t, "off");
  assert.deepEqual(
    Object.keys(results).filter((name) => results[name] !== "done"),
    ["findKeyOnCommandLine"],
  );
  assert.notDeepEqual(after, before);
  assert.match(stolen(), /stolen/);
});
