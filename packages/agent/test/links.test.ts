import assert from "node:assert/strict";
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { mountAt, mountsRefused } from "../src/watch/mounting.ts";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import type { SwapperInput, SwapperReport } from "./link_swapper.ts";
import { type Sink, startSink } from "./sink.ts";

const SECRET = "root:secret:19000:0:99999:7:::";
/** Exchanges in the race, which a longer run may raise. */
const RACE_ROUNDS = Number(process.env.RACE_ROUNDS ?? 100_000);
/** Exchanges with links to a mount of the attacker's own. */
const MOUNT_ROUNDS = RACE_ROUNDS / 5;
const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;
const LINK_SWAPPER = fileURLToPath(new URL("link_swapper.ts", import.meta.url));

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  /** A file outside the log directories whose content must never ship. */
  readonly secret: string;
  log(name: string): string;
}

interface BenchOptions {
  readonly before?: (place: Place, secret: string) => void;
  readonly env?: Readonly<Record<string, string>>;
}

async function bench(t: TestContext, { before, env }: BenchOptions = {}): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  mkdirSync(join(place.root, "outside"));
  const secret = join(place.root, "outside", "shadow.log");
  writeFileSync(secret, `${SECRET}\n`, { mode: 0o600 });
  before?.(place, secret);
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start", ...env } });
  return { place, sink, agent, secret, log: (name) => join(place.logs, name) };
}

/** Ships a line behind all that was done before, and checks that of the files outside nothing came. */
async function nothingLeaked({ sink, log, secret }: Bench, mark: string): Promise<void> {
  appendFileSync(secret, `${SECRET}\n`);
  appendFileSync(log("last.log"), `${mark}\n`);
  await sink.until(() => sink.texts().includes(mark), mark);
  assert.deepEqual(
    sink.texts().filter((text) => text.includes("secret")),
    [],
  );
}

function refusals({ agent }: Bench, path: string): number {
  return agent.log().filter(({ event, path: about }) => event === "link_outside_refused" && about === path).length;
}

/** Runs the attacker to its end: as the owner of the log directory, where that can be another user. */
async function swap({ root, logs }: Place, outside: string, rounds: number): Promise<SwapperReport> {
  const input: SwapperInput = { logs, stage: join(root, "stage"), outside, rounds };
  const args = ["--disable-warning=ExperimentalWarning", LINK_SWAPPER, JSON.stringify(input)];
  const { stdout } = await promisify(execFile)(process.execPath, args, isRoot ? { uid: NOBODY, gid: NOBODY } : {});
  return JSON.parse(stdout) as SwapperReport;
}

/** Starts a process in a user and mount namespace of its own, in which a directory is mounted over another; gives its id. */
async function ownNamespace(t: TestContext, source: string, over: string): Promise<number> {
  const script = 'mount --bind "$1" "$2" && echo mounted && exec sleep 1000';
  const args = ["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", source, over];
  const child = spawn("unshare", args, { uid: NOBODY, gid: NOBODY, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(said.toString(), "mounted\n");
  return child.pid ?? -1;
}

test("links to outside, chains of them and links to directories are refused, each with one event", async (t) => {
  const before = (place: Place, secret: string): void => {
    symlinkSync(secret, join(place.logs, "early.log"));
    symlinkSync(join(place.root, "outside"), join(place.logs, "directory"));
  };
  const here = await bench(t, { before });
  const { log, secret, agent } = here;
  symlinkSync(secret, log("direct.log"));
  symlinkSync(log("direct.log"), log("chain.log"));
  symlinkSync("../outside/shadow.log", log("relative.log"));
  mkdirSync(log("sub"));
  symlinkSync(join(secret, ".."), log("sub/up"));
  const refused = ["early.log", "direct.log", "chain.log", "relative.log"].map(log);
  for (const path of refused)
    await agent.logged(({ event, path: about }) => event === "link_outside_refused" && about === path);
  await nothingLeaked(here, "first");
  chmodSync(log("last.log"), 0o644);
  await nothingLeaked(here, "second");
  for (const path of refused) assert.equal(refusals(here, path), 1, path);
});

test("a file that is replaced by a link to outside is let go of", async (t) => {
  const here = await bench(t);
  const { log, secret, sink } = here;
  writeFileSync(log("a.log"), "mine\n");
  await sink.until(() => sink.texts().includes("mine"));
  symlinkSync(secret, log("a.tmp"));
  renameSync(log("a.tmp"), log("a.log"));
  await nothingLeaked(here, "after");
  unlinkSync(log("a.log"));
  writeFileSync(log("a.log"), "mine again\n");
  await sink.until(() => sink.texts().includes("mine again"));
});

test("a directory on the way that is swapped for a link leads nowhere", async (t) => {
  const here = await bench(t);
  const { log, sink, place } = here;
  mkdirSync(log("d"));
  writeFileSync(log("d/shadow.log"), "mine\n");
  await sink.until(() => sink.texts().includes("mine"));
  renameSync(log("d"), join(place.root, "moved"));
  symlinkSync(join(place.root, "outside"), log("d"));
  await nothingLeaked(here, "after");
});

/** What the attacker needs beside the logs, which are its own. */
function forAttacker(place: Place): void {
  mkdirSync(join(place.root, "stage"));
  mkdirSync(join(place.logs, "planted"));
  // Reason enough to keep the capability, which the secret could be read with.
  writeFileSync(join(place.logs, "root.log"), "of root\n", { mode: 0o600 });
  if (!isRoot) return;
  chmodSync(place.root, 0o711);
  for (const name of ["logs", "logs/planted", "stage"]) chownSync(join(place.root, name), NOBODY, NOBODY);
}

/** The race was one: the agent opened the names again and again, read what was the attacker's own, and met what was not. */
async function raced(t: TestContext, { agent, sink, log }: Bench, { lines, seconds }: SwapperReport): Promise<void> {
  const found = (name: string): number =>
    agent.log().filter(({ event, path }) => event === "file_found" && path === log(name)).length;
  for (const name of ["race.log", "directory/shadow.log", "hop/shadow.log"])
    assert.ok(found(name) > 0, `${name} was opened ${found(name)} times`);
  const shipped = new Set(sink.texts().filter((text) => text.startsWith("mine "))).size;
  assert.ok(shipped > lines / 100, `${shipped} of ${lines} lines were shipped`);
  assert.equal(await agent.stop(), 0);
  const refused = Number(agent.log().findLast(({ event }) => event === "agent_counters")?.files_refused);
  assert.ok(refused > lines / 1000, `${refused} refusals`);
  t.diagnostic(`${lines} exchanges in ${seconds.toFixed(1)} s, ${shipped} own lines shipped, ${refused} refusals`);
}

for (const confinement of ["best-effort", "off"]) {
  test(`names that are exchanged with links to outside ${RACE_ROUNDS} times never leak, confinement ${confinement}`, async (t) => {
    const here = await bench(t, { before: forAttacker, env: { LOGDNA_CONFINEMENT: confinement } });
    const outside = join(here.place.root, "outside");
    const report = await swap(here.place, outside, RACE_ROUNDS);
    await nothingLeaked(here, "after the race");
    await raced(t, here, report);
  });

  test(`a mount of the attacker's own, which links lead to by /proc, never leaks, confinement ${confinement}`, {
    skip: !isRoot && "needs root, for an attacker who is another user",
  }, async (t) => {
    const here = await bench(t, { before: forAttacker, env: { LOGDNA_CONFINEMENT: confinement } });
    const { place, log } = here;
    const pid = await ownNamespace(t, join(place.root, "outside"), log("planted"));
    const report = await swap(place, join(`/proc/${pid}/root`, log("planted")), MOUNT_ROUNDS);
    await nothingLeaked(here, "after the race");
    await raced(t, here, report);
  });
}

test("a mount of the attacker's own is not seen by the agent", {
  skip: !isRoot && "needs root, for an attacker who is another user",
}, async (t) => {
  const here = await bench(t, { before: forAttacker, env: { LOGDNA_CONFINEMENT: "off" } });
  const { place, log, sink } = here;
  writeFileSync(log("planted/shadow.log"), "mine\n");
  await sink.until(() => sink.texts().includes("mine"));
  const pid = await ownNamespace(t, join(place.root, "outside"), log("planted"));
  assert.match(readFileSync(join(`/proc/${pid}/root`, log("planted/shadow.log")), "utf8"), /secret/);
  chmodSync(log("planted/shadow.log"), 0o640);
  await nothingLeaked(here, "after");
});

test("what root mounts over a name in the logs ships: where a log lies is for root to say", {
  skip: mountsRefused(),
}, async (t) => {
  const before = ({ root, logs }: Place): void => {
    for (const name of ["file", "directory"]) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, "a.log"), `of the ${name}\n`, { mode: 0o600 });
    }
    writeFileSync(join(logs, "file.log"), "");
    mkdirSync(join(logs, "directory"));
    t.after(mountAt(join(logs, "file.log"), "--bind", join(root, "file/a.log")));
    t.after(mountAt(join(logs, "directory"), "--bind", join(root, "directory")));
  };
  const { place, sink, agent } = await bench(t, { before });
  appendFileSync(join(place.root, "directory/a.log"), "more\n");
  await sink.until(() => ["of the file", "of the directory", "more"].every((text) => sink.texts().includes(text)));
  assert.equal(await agent.stop(), 0);
});

test("where the kernel protects hard links, others cannot plant one to a file of root", {
  skip: !isRoot && "needs root, for an attacker who is another user",
}, async (t) => {
  const here = await bench(t, { before: forAttacker });
  const args = ["--eval", "fs.linkSync(...process.argv.slice(1))", here.secret, here.log("hard.log")];
  const { stderr } = spawnSync(process.execPath, args, { uid: NOBODY, gid: NOBODY, encoding: "utf8" });
  // proc_sys_fs(5): 1 is what systemd sets.
  if (readFileSync("/proc/sys/fs/protected_hardlinks", "utf8").trim() === "1") assert.match(stderr, /EPERM/);
  else unlinkSync(here.log("hard.log"));
  await nothingLeaked(here, "after");
});

test("where it does not, a hard link to a file that only root may read is refused", {
  skip: !isRoot && "needs root, to plant it whatever the kernel protects",
}, async (t) => {
  const here = await bench(t, { before: forAttacker });
  linkSync(here.secret, here.log("hard.log"));
  await nothingLeaked(here, "after");
});

test("FIFOs, sockets and devices are neither read nor waited for", async (t) => {
  const here = await bench(t);
  const { log, agent } = here;
  execFileSync("mkfifo", [log("fifo.log")]);
  // The path of a socket may have 107 bytes (unix(7)).
  const short = mkdtempSync(join(tmpdir(), "s-"));
  t.after(() => rmSync(short, { recursive: true, force: true }));
  const server = createServer().listen(join(short, "socket.log"));
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  renameSync(join(short, "socket.log"), log("socket.log"));
  const kinds = ["fifo.log", "socket.log"];
  if (process.geteuid?.() === 0) {
    execFileSync("mknod", [log("zero.log"), "c", "1", "5"]);
    kinds.push("zero.log");
  }
  for (const name of kinds)
    await agent.logged(({ event, path }) => event === "file_not_regular" && path === log(name), name);
  symlinkSync("/dev/zero", log("device.log"));
  symlinkSync("/proc/self/environ", log("environ.log"));
  await nothingLeaked(here, "after");
});

test("a sparse file of a terabyte costs neither time nor memory", async (t) => {
  const here = await bench(t);
  const { log, agent, sink } = here;
  writeFileSync(log("sparse.log"), "begin\n");
  execFileSync("truncate", ["--size=1T", log("sparse.log")]);
  await sink.until(() => sink.texts().includes("begin"));
  await nothingLeaked(here, "beside it");
  const { rss } = memoryOf(agent.pid);
  assert.ok(rss < 200e6, `${rss} bytes resident`);
});

test("a hard link within the log directories ships once, whichever name is written to", async (t) => {
  const here = await bench(t);
  const { log, sink } = here;
  writeFileSync(log("a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  linkSync(log("a.log"), log("b.log"));
  appendFileSync(log("b.log"), "two\n");
  await sink.until(() => sink.texts().includes("two"));
  unlinkSync(log("a.log"));
  appendFileSync(log("b.log"), "three\n");
  await nothingLeaked(here, "four");
  assert.deepEqual(sink.texts(), ["one", "two", "three", "four"]);
});

function memoryOf(pid: number): { rss: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return { rss: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024 };
}
