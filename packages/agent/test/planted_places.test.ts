import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makePlace, startAgent, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const skip = process.geteuid?.() === 0 ? false : "needs root, to plant what belongs to others";
const STRANGER = 12_345;
const NOBODY = 65_534;
const KEY = "test-key-0123456789";
const SNOOPER = fileURLToPath(new URL("handover_snooper.ts", import.meta.url));

for (const confinement of ["best-effort", "off"])
  for (const [whose, owner] of [
    ["a stranger's", STRANGER],
    ["root's", 0],
  ] as const)
    test(`a log directory that is ${whose} link to a directory of root ${owner === 0 ? "ships" : "does not"}: confinement ${confinement}`, {
      skip,
    }, async (t) => {
      const place = makePlace();
      chmodSync(place.root, 0o755);
      const sink = await startSink();
      t.after(() => sink.close());
      const secret = join(place.root, "private");
      mkdirSync(secret, { mode: 0o700 });
      writeFileSync(join(secret, "secret.log"), "of root\n", { mode: 0o600 });
      writeFileSync(join(place.logs, "other.log"), "of others\n");
      const home = join(place.root, "home");
      const link = join(home, "logs");
      mkdirSync(home);
      symlinkSync(secret, link);
      lchownSync(link, owner, owner);
      chownSync(home, owner, owner);
      writeFileSync(join(place.root, "config.yaml"), `log:\n  dirs: ${JSON.stringify([link, place.logs])}\n`);
      const env = { LOGDNA_LOOKBACK: "start", LOGDNA_CONFINEMENT: confinement };
      const agent = await startedAgent(t, { place, port: sink.port, env });
      await sink.until(() => sink.texts().includes("of others") && (owner !== 0 || sink.texts().includes("of root")));
      assert.equal(await agent.stop(), 0);
      assert.equal(sink.texts().includes("of root"), owner === 0);
    });

test("a state directory that is a stranger's link to a directory of root is refused, and nothing changes", {
  skip,
}, async (t) => {
  const place = makePlace();
  const victim = join(place.root, "victim");
  mkdirSync(victim, { mode: 0o755 });
  writeFileSync(join(victim, "program"), "", { mode: 0o755 });
  symlinkSync(victim, place.state);
  lchownSync(place.state, STRANGER, STRANGER);
  const told = (): unknown[] =>
    [victim, join(victim, "program")].map((path) => {
      const { uid, mode, ctimeMs } = lstatSync(path);
      return { uid, mode, ctimeMs };
    });
  const before = told();
  const agent = startAgent(t, { place, port: 1, env: { LOGDNA_CONFINEMENT: "best-effort" } });
  assert.equal(await agent.ended, 1);
  assert.match(agent.output(), /which somebody else made/);
  assert.deepEqual(told(), before);
});

test("a process of the same user cannot take the key while the confined image starts", { skip }, async (t) => {
  const place = makePlace();
  chmodSync(place.root, 0o755);
  const source = join(place.root, "snooper.ts");
  writeFileSync(source, readFileSync(SNOOPER), { mode: 0o644 });
  const snooper = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", source], {
    ...{ uid: NOBODY, gid: NOBODY, cwd: "/" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => snooper.kill("SIGKILL"));
  await new Promise((resolve) => snooper.stdout.once("readable", resolve));
  const env = { LOGDNA_INGESTION_KEY: KEY, LOGDNA_CONFINEMENT: "best-effort", LOGDNA_NO_CAP: "true" };
  const agent = startAgent(t, { place, port: 1, env });
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  snooper.stdin.end();
  const found = await text(snooper.stdout);
  // It has looked at the agent all along, or nothing is shown by this.
  assert.match(found, new RegExp(`saw ${agent.pid}\\b`));
  assert.doesNotMatch(found, new RegExp(KEY));
  assert.equal(await agent.stop(), 0);
});
