import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const BUNDLE = join(import.meta.dirname, "../../../scripts/bundle.ts");
const place = makePlace();
const [executable = ""] = execFileSync(process.execPath, [BUNDLE, "--single-executable", place.root], {
  encoding: "utf8",
}).split("\n");

test("one executable, with nothing beside it, ships lines confined, and makes bodies in WebAssembly", async (t) => {
  const sink = await startSink();
  t.after(() => sink.close());
  // Options of Node are none of the business of whoever starts it.
  const planted = join(place.root, "planted.cjs");
  writeFileSync(planted, "process.stderr.write('planted');");
  const agent = startAgent(t, {
    place,
    port: sink.port,
    launcher: [executable],
    env: { PATH: "/nonexistent", NODE_OPTIONS: `--require=${planted}`, LOGDNA_TAGS: 'with "quotes", and blanks' },
  });
  await agent.logged(({ event }) => event === "agent_started");
  await agent.logged(({ event, encoder }) => event === "encoder_chosen" && encoder === "kernel");
  const line = `a line ${"of some length ".repeat(100)}`;
  appendFileSync(join(place.logs, "a.log"), `${line}\n`);
  await sink.until(() => sink.texts().length > 0);
  assert.deepEqual(sink.texts(), [line]);
  assert.equal(sink.accepted[0]?.headers["content-encoding"], "gzip");
  assert.equal(sink.accepted[0]?.url.searchParams.get("tags"), 'with "quotes",and blanks');
  if (process.env.TEST_CONFINEMENT !== "off") {
    assert.match(readFileSync(`/proc/${agent.pid}/status`, "utf8"), /^NoNewPrivs:\s+1$/m);
    assert.match(readFileSync(`/proc/${agent.pid}/cmdline`, "utf8"), /\0--node-options=[^\0]*"--permission"/);
  }
  assert.equal(await agent.stop(), 0);
  assert.ok(!agent.output().includes("planted"));
  assert.ok(!agent.log().some(({ event }) => event === "kernel_failed"));
});

test("its doctor starts it anew to try the confinement, and tells the version that was built", () => {
  const env = { LOGDNA_INGESTION_KEY: "key-0123456789", LOGDNA_DB_PATH: place.state, LOGDNA_HOST: "localhost:1" };
  const report = spawnText([executable, "doctor", "--logdir", place.logs], env);
  assert.doesNotMatch(report, /could not be tried|not tried/i);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));
  assert.equal(spawnText([executable, "--version"], {}).trim(), version);
});

/** What a program prints, whatever it ends with. */
function spawnText([file = "", ...args]: string[], env: NodeJS.ProcessEnv): string {
  try {
    return execFileSync(file, args, { env, encoding: "utf8", cwd: place.root });
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : "";
  }
}
