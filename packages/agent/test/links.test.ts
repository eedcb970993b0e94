import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
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
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

const SECRET = "root:secret:19000:0:99999:7:::";
const LINK_SWAPPER = fileURLToPath(new URL("link_swapper.ts", import.meta.url));

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  /** A file outside the log directories whose content must never ship. */
  readonly secret: string;
  log(name: string): string;
}

async function bench(t: TestContext, before: (place: Place, secret: string) => void = () => undefined): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  mkdirSync(join(place.root, "outside"));
  const secret = join(place.root, "outside", "shadow.log");
  writeFileSync(secret, `${SECRET}\n`, { mode: 0o600 });
  before(place, secret);
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start" } });
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

test("links to outside, chains of them and links to directories are refused, each with one event", async (t) => {
  const here = await bench(t, (place, secret) => {
    symlinkSync(secret, join(place.logs, "early.log"));
    symlinkSync(join(place.root, "outside"), join(place.logs, "directory"));
  });
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

test("a name that changes thousands of times between a log and a link to outside never leaks", async (t) => {
  const here = await bench(t);
  const { log, secret, sink } = here;
  writeFileSync(log("a.log"), "mine\n");
  await sink.until(() => sink.texts().includes("mine"));
  const swapper = spawn(process.execPath, [LINK_SWAPPER, log("race.log"), secret, "5000"], { stdio: "inherit" });
  t.after(() => swapper.kill("SIGKILL"));
  const code = await new Promise((resolve) => swapper.once("close", resolve));
  assert.equal(code, 0);
  await nothingLeaked(here, "after the race");
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
