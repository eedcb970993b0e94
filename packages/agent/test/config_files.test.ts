import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

test("an agent with the first agent's file ships of its directories files without an extension", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const file = join(place.root, "logdna.conf");
  writeFileSync(file, `logdir = ${place.logs}\n`);
  await startedAgent(t, { place, port: sink.port, env: { LOGDNA_CONFIG_FILE: file } });
  mkdirSync(join(place.logs, "app.d"));
  for (const name of ["notes.txt", "syslog", "app.d/messages", "app.d/web.log"])
    appendFileSync(join(place.logs, name), `of ${name}\n`);
  const expected = ["of app.d/messages", "of app.d/web.log", "of syslog"];
  await sink.until(() => expected.every((text) => sink.texts().includes(text)), "the lines of three files");
  // What ships comes in any order, and of what does not ship nothing comes at all.
  appendFileSync(join(place.logs, "syslog"), "the end\n");
  await sink.until(() => sink.texts().includes("the end"), "a line behind them");
  assert.deepEqual(sink.texts().sort(), [...expected, "the end"]);
});

test("an agent whose configuration file is /dev/null ships what its variables say, before and after SIGHUP", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, {
    place,
    port: sink.port,
    // With an empty file the default directory is followed as well.
    env: { LOGDNA_CONFIG_FILE: "/dev/null", LOGDNA_LOG_DIRS: place.logs, LOGDNA_EXCLUSION_RULES: "/var/log/**" },
  });
  appendFileSync(join(place.logs, "a.log"), "before\n");
  await sink.until(() => sink.texts().includes("before"), "the first line");
  process.kill(agent.pid, "SIGHUP");
  await agent.logged(({ event }) => event === "config_reloaded");
  appendFileSync(join(place.logs, "a.log"), "after\n");
  await sink.until(() => sink.texts().includes("after"), "the second line");
  assert.deepEqual(sink.texts(), ["before", "after"]);
});
