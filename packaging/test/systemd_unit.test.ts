import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentProcess, makePlace, type Place, startedAgent } from "../../packages/agent/test/agent.ts";
import { eventually } from "../../packages/agent/test/eventually.ts";
import { type NotifyReceiver, notifyReceiver } from "../../packages/agent/test/notify_receiver.ts";
import { type Sink, startSink } from "../../packages/agent/test/sink.ts";
import { setting, settings, UNIT } from "./unit_file.ts";

/** systemd-analyze(1): above 4.9 a service counts as "medium". The unit reaches this; less takes what the agent needs. */
const EXPOSURE = 1.8;
/** Some user without any other right. */
const USER = 64_123;

const ANALYZE = "/usr/bin/systemd-analyze";
const needsAnalyze = existsSync(ANALYZE) ? false : `needs ${ANALYZE}`;
const needsRoot = process.geteuid?.() === 0 ? false : "needs root, to do what the service manager does";
const needsStrace = existsSync("/usr/bin/strace") ? needsRoot : "needs strace";

/** The unit as a file whose program exists here. */
function unitHere(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "unit-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "logdna-agent.service");
  writeFileSync(path, readFileSync(UNIT, "utf8").replace(/^ExecStart=.*$/m, "ExecStart=/bin/true"));
  return path;
}

test("systemd knows every setting of the unit", { skip: needsAnalyze }, (t) => {
  const { status, stderr } = spawnSync(ANALYZE, ["verify", unitHere(t)], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test(`the unit leaves the service an exposure of ${EXPOSURE}`, { skip: needsAnalyze }, (t) => {
  const text = execFileSync(ANALYZE, ["security", "--offline=true", "--no-pager", unitHere(t)], { encoding: "utf8" });
  const [, exposure, word] = /Overall exposure level for logdna-agent.service: ([\d.]+) (\w+)/.exec(text) ?? [];
  assert.equal(word, "OK");
  assert.ok(Number(exposure) <= EXPOSURE, text);
});

interface Service {
  readonly place: Place;
  readonly sink: Sink;
  readonly receiver: NotifyReceiver;
  readonly agent: AgentProcess;
}

/** Starts the agent as the unit has systemd start it, as far as other programs can: user, capabilities, mounts, credentials. */
async function asService(t: TestContext, before: readonly string[] = []): Promise<Service> {
  const place = makePlace();
  chmodSync(place.root, 0o755);
  const sink = await startSink();
  t.after(() => sink.close());
  const receiver = notifyReceiver(join(place.root, "notify"));
  chmodSync(receiver.path, 0o777);
  const credentials = join(place.root, "credentials");
  mkdirSync(credentials, { mode: 0o500 });
  writeFileSync(join(credentials, "ingestion-key"), "key-of-the-credential\n", { mode: 0o400 });
  for (const path of [credentials, join(credentials, "ingestion-key")]) chownSync(path, USER, USER);
  mkdirSync(place.state, { mode: Number.parseInt(setting("StateDirectoryMode"), 8) });
  chownSync(place.state, USER, USER);
  const [variable = "", value] = setting("Environment").split("=");
  const capability = setting("AmbientCapabilities").replace("CAP_", "").toLowerCase();
  assert.equal(setting("CapabilityBoundingSet"), setting("AmbientCapabilities"));
  const mounts =
    'mount --bind "$0" "$0" && mount --bind "$1" "$1" && mount -o remount,bind,ro "$0" && shift && exec "$@"';
  const agent = await startedAgent(t, {
    place,
    port: sink.port,
    env: {
      LOGDNA_INGESTION_KEY: undefined,
      CREDENTIALS_DIRECTORY: credentials,
      NOTIFY_SOCKET: receiver.path,
      WATCHDOG_USEC: "600000",
      [variable]: value,
    },
    wrapper: [
      ...before,
      ...["unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", mounts, place.root, place.state],
      ...["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", "--no-new-privs"],
      ...[`--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`, `--bounding-set=-all,+${capability}`],
    ],
  });
  return { place, sink, receiver, agent };
}

test("what the unit gives is enough for every layer of the confinement, and for a log that appears for root alone", {
  skip: needsRoot,
}, async (t) => {
  const { place, sink, receiver, agent } = await asService(t);
  const log = join(place.logs, "secret.log");
  writeFileSync(log, "for root alone\n", { mode: 0o600 });
  await sink.until(() => sink.texts().includes("for root alone"));
  assert.equal(sink.accepted[0]?.headers.apikey, "key-of-the-credential");
  await eventually(() => receiver.messages().includes("WATCHDOG=1"), "a message that it lives");
  assert.equal(receiver.messages()[0], "READY=1");
  const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    assert.match(status, new RegExp(`^${set}:\\s+0000000000000004$`, "m"));
  assert.match(status, new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s+${USER}\\s+${USER}$`, "m"));
  assert.equal(statSync(place.state).mode & 0o777, 0o700);
  assert.equal(await agent.stop(), 0);
});

test("the agent uses no system call that the unit refuses", { skip: needsAnalyze || needsStrace }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "calls-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const trace = join(directory, "trace");
  const { place, sink, agent } = await asService(t, [
    "strace",
    "-D",
    "-f",
    "-qq",
    "-e",
    "signal=none",
    "-o",
    trace,
    "--",
  ]);
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await agent.stop(), 0);
  const allowed = allowedCalls();
  // What comes before it is the work of the service manager.
  const [, ofAgent = ""] = readFileSync(trace, "utf8").split(/^\d+ +execve\("[^"]*\/node", .*$/m);
  const used = new Set(Array.from(ofAgent.matchAll(/^\d+ +(?:<\.\.\. )?([a-z]\w*)[( ]/gm), ([, name = ""]) => name));
  assert.ok(used.size > 50, `${used.size} calls were seen`);
  assert.deepEqual([...used].filter((name) => !allowed.has(name) && !MAY_FAIL.has(name)).sort(), []);
});

/** Attempts of the runtime, which does without: the agent's own filter refuses them, too. */
const MAY_FAIL = new Set(["io_uring_setup", "io_uring_enter", "io_uring_register"]);

/** The calls that `SystemCallFilter=` comes to: systemd.exec(5). */
function allowedCalls(): Set<string> {
  const calls = new Set<string>();
  for (const line of [...setOf("@default"), ...settings("SystemCallFilter")]) {
    const removes = line.startsWith("~");
    for (const word of line.replace("~", "").split(" ").flatMap(setOf))
      if (removes) calls.delete(word);
      else calls.add(word);
  }
  return calls;
}

function setOf(name: string): string[] {
  if (!name.startsWith("@")) return [name];
  const text = execFileSync(ANALYZE, ["syscall-filter", name], { encoding: "utf8" });
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap(setOf);
}
