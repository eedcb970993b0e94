import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../../packages/agent/test/eventually.ts";
import { needsOverlay, systemRoot } from "./system_root.ts";

const INIT = join(import.meta.dirname, "../sysvinit/logdna-agent.init");
const PLIST = join(import.meta.dirname, "../launchd/com.logdna.logdna-agent.plist");

test("the sysvinit script starts, starts anew on 75, reloads and stops, with the variables of the file", {
  skip: needsOverlay(),
}, async (t) => {
  const system = await systemRoot(t);
  const script = "/etc/init.d/logdna-agent";
  cpSync(INIT, join(system.path, script));
  chmodSync(join(system.path, script), 0o755);
  system.write(
    "/etc/logdna.env",
    `# A comment\nLOGDNA_INGESTION_KEY="a key $(touch /hacked)"\nLOGDNA_TAGS=a,b\n`,
    0o600,
  );
  // In place of the agent: it tells what it is given, and asks once to be started anew.
  const told = "/told";
  const stub = [
    "#!/bin/sh",
    `echo "started $LOGDNA_INGESTION_KEY $LOGDNA_TAGS" >>${told}`,
    `if [ "$(wc -l <${told})" -eq 1 ]; then exit 75; fi`,
    `trap 'echo reloaded >>${told}' HUP`,
    `trap 'echo stopped >>${told}; exit 0' TERM`,
    "while :; do sleep 0.05; done",
  ];
  system.write("/usr/bin/logdna-agent", `${stub.join("\n")}\n`, 0o755);
  const does = (command: string): string => system.run(script, command);
  const lines = (): string[] => (system.has(told) ? system.read(told).trim().split("\n") : []);

  assert.throws(() => does("status"), /ended with 3/);
  does("start");
  await eventually(() => lines().length === 2, "a second start");
  assert.deepEqual(lines(), Array(2).fill("started a key $(touch /hacked) a,b"));
  assert.ok(!system.has("/hacked"));
  assert.match(does("status"), /runs/);
  does("start");
  does("reload");
  await eventually(() => lines().includes("reloaded"), "reloaded");
  does("stop");
  assert.deepEqual(lines().slice(2), ["reloaded", "stopped"]);
  assert.throws(() => does("status"), /ended with 3/);
  assert.throws(() => does("reload"), /ended with 7/);
});

test("the property list of launchd is one, and runs the agent", {
  skip: existsSync("/usr/bin/xmllint") ? false : "needs xmllint",
}, () => {
  const value = (key: string): string =>
    execFileSync(
      "xmllint",
      ["--nonet", "--xpath", `string(/plist/dict/key[.='${key}']/following-sibling::*[1])`, PLIST],
      { encoding: "utf8" },
    ).trim();
  assert.equal(value("Label"), "com.logdna.logdna-agent");
  assert.equal(value("ProgramArguments"), "/usr/local/bin/logdna-agent");
  assert.equal(value("Umask"), String(0o077));
});
