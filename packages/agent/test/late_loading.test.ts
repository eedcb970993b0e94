import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makePlace, startAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Prints what is loaded once the agent that works is. */
const LIST_LOADED = `
import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
await import(${JSON.stringify(join(ROOT, "packages/agent/src/commands/run.ts"))});
console.log(JSON.stringify([...loaded, ...process.moduleLoadList]));
`;

test("an agent at work has loaded nothing that reads or checks a configuration, and no Undici", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", LIST_LOADED], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const loaded = JSON.parse(stdout || "[]") as string[];
  assert.ok(
    loaded.some((url) => url.endsWith("/pipeline.ts")),
    stderr,
  );
  assert.deepEqual(
    loaded.filter((url) => /node_modules\/(?:yaml|zod|commander)\/|config\/options\.ts$|undici/.test(url)),
    [],
  );
});

test("an agent whose program was replaced asks to be started anew where it would have to load more of it", {
  skip: process.geteuid?.() === 0 ? false : "needs root, to have something to give away",
}, async (t) => {
  const sink = await startSink();
  t.after(() => sink.close());
  const place = makePlace();
  const bundle = join(place.root, "program");
  const main = execFileSync(process.execPath, [join(ROOT, "scripts/bundle.ts"), bundle], { encoding: "utf8" }).trim();
  const agent = startAgent(t, {
    place,
    port: sink.port,
    launcher: [process.execPath, "--disable-warning=ExperimentalWarning", main],
  });
  await agent.logged(({ event }) => event === "confined", "confined");
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  writeFileSync(join(place.logs, "app.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  for (const file of globSync(join(bundle, "agent/load-*.mjs"))) rmSync(file);
  agent.child.kill("SIGHUP");
  const { message } = await agent.logged(({ event }) => event === "restart_needed", "restart_needed");
  assert.match(message, /the program itself, which was replaced/);
});
