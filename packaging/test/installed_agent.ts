import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { startedAgent } from "../../packages/agent/test/agent.ts";
import { eventually } from "../../packages/agent/test/eventually.ts";
import { notifyReceiver } from "../../packages/agent/test/notify_receiver.ts";
import { startSink } from "../../packages/agent/test/sink.ts";
import type { SystemRoot } from "./system_root.ts";
import { setting, settings } from "./unit_file.ts";

/**
 * Starts what is installed as its unit says, with the configuration that is there for a server on a port which this adds, and
 * sees that a new line of a log which root alone may read arrives.
 */
export async function shipsALine(t: TestContext, system: SystemRoot): Promise<void> {
  const sink = await startSink();
  t.after(() => sink.close());
  const root = mkdtempSync(join(tmpdir(), "installed-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [program = "", ...noArguments] = setting("ExecStart").split(" ");
  assert.deepEqual(noArguments, []);
  const [file = ""] = settings("EnvironmentFile").map((name) => name.replace(/^-/, ""));
  const ofFile = system.has(file) ? system.read(file).trim().split("\n") : [];
  const variables = [setting("Environment"), ...ofFile].map((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1) ?? []);
  const state = join("/var/lib", setting("StateDirectory"));
  const user = setting("User");
  const capability = setting("AmbientCapabilities").replace("CAP_", "").toLowerCase();
  system.run("install", "-d", "-m", setting("StateDirectoryMode"), state);
  system.run("chown", "-R", `${user}:${setting("Group")}`, state);
  const log = "/var/log/of-the-installed.log";
  system.write(log, "before\n", 0o600);
  // Abstract, so that it is in every root.
  const receiver = notifyReceiver(`@${basename(root)}`);
  const mounts = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"';
  const agent = await startedAgent(t, {
    place: { root, logs: root, state: root },
    port: sink.port,
    env: {
      ...{ LOGDNA_INGESTION_KEY: undefined, LOGDNA_DB_PATH: undefined, LOGDNA_CONFIG_FILE: undefined },
      ...Object.fromEntries(variables),
      NOTIFY_SOCKET: receiver.path,
    },
    launcher: [program],
    wrapper: [
      ...system.enter,
      ...["sh", "-c", mounts, state, "setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"],
      ...["--no-new-privs", `--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`],
      `--bounding-set=-all,+${capability}`,
    ],
  });
  appendFileSync(join(system.path, log), "a line of the installed agent\n");
  await sink.until(() => sink.texts(log).includes("a line of the installed agent"));
  assert.deepEqual(sink.texts(log), ["a line of the installed agent"]);
  await eventually(() => receiver.messages().includes("READY=1"), "READY=1");
  assert.equal(await agent.stop(), 0);
  assert.equal(statSync(join(system.path, state)).mode & 0o777, 0o700);
}
