import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { mountsRefused } from "../src/watch/mounting.ts";
import { type AgentOptions, type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { refused } from "./confinement_bench.ts";
import { eventually } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  /** The configuration file, alone in its directory. */
  readonly file: string;
  /** How often the agent said something of its own. */
  said(name: string): number;
}

/** A configuration that is told from others by the tags that lines carry. */
function tagged(place: Place, tag: string): string {
  return `log:\n  dirs: [${JSON.stringify(place.logs)}]\nhttp:\n  params:\n    tags: ${tag}\n`;
}

async function bench(
  t: TestContext,
  env: AgentOptions["env"] = {},
  prepare?: (place: Place, file: string) => void,
): Promise<Bench> {
  const place = makePlace();
  const directory = join(place.root, "etc");
  mkdirSync(directory);
  const file = join(directory, "config.yaml");
  if (prepare === undefined) writeFileSync(file, tagged(place, "first"));
  else prepare(place, file);
  return { place, file, ...(await start(t, place, { env: { LOGDNA_CONFIG_FILE: file, ...env } })) };
}

async function start(
  t: TestContext,
  place: Place,
  options: Partial<AgentOptions>,
): Promise<Pick<Bench, "sink" | "agent" | "said">> {
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port, ...options });
  return { sink, agent, said: (name) => agent.log().filter(({ event }) => event === name).length };
}

/** A program that appends numbered lines. */
const WRITER = fileURLToPath(new URL("numbered_writer.ts", import.meta.url));

let lines = 0;

/** Writes a line, and resolves once it has arrived; its tags. */
async function tagsOfNextLine({ place, sink }: Bench): Promise<string | null | undefined> {
  const text = `line ${++lines}`;
  appendFileSync(join(place.logs, "a.log"), `${text}\n`);
  await sink.until(() => sink.texts().includes(text), text);
  return sink.accepted
    .find(({ lines: arrived }) => arrived.some(({ line }) => line === text))
    ?.url.searchParams.get("tags");
}

async function reloads(b: Bench, times: number): Promise<void> {
  await eventually(() => b.said("config_reloaded") === times, `the configuration taken up for the ${times}. time`);
}

test("a changed configuration file is taken up by itself, however it is written", async (t) => {
  const b = await bench(t);
  const { pid } = b.agent;
  assert.equal(await tagsOfNextLine(b), "first");
  writeFileSync(b.file, tagged(b.place, "in-place"));
  await reloads(b, 1);
  assert.equal(await tagsOfNextLine(b), "in-place");
  // As editors do.
  writeFileSync(`${b.file}.new`, tagged(b.place, "renamed"));
  renameSync(`${b.file}.new`, b.file);
  await reloads(b, 2);
  assert.equal(await tagsOfNextLine(b), "renamed");
  // In steps over two seconds, of which all but the last leave what is no YAML.
  const until = performance.now() + 2000;
  writeFileSync(b.file, "log:\n  dirs: [");
  await eventually(() => {
    appendFileSync(b.file, "\n    ");
    return performance.now() > until;
  }, "a slow writer");
  appendFileSync(b.file, tagged(b.place, "in-steps").slice("log:\n  dirs: [".length));
  await reloads(b, 3);
  assert.equal(await tagsOfNextLine(b), "in-steps");
  assert.equal(b.said("config_reload_failed"), 0);
  // Something that changes nothing costs nothing either.
  chmodSync(b.file, 0o644);
  appendFileSync(b.file, "# a comment\n");
  await reloads(b, 4);
  assert.deepEqual(
    b.agent.log().flatMap(({ event, changed }) => (event === "config_reloaded" ? [changed] : [])),
    [["tags"], ["tags"], ["tags"], []],
  );
  assert.equal(b.agent.pid, pid, "no new start");
  assert.equal(await b.agent.stop(), 0);
});

test("a mounted ConfigMap, whose directory is swapped behind a link, is taken up by itself", async (t) => {
  /** As kubelet's atomic writer does: a new directory, and a link that is renamed over the old one. */
  const swap = (directory: string, name: string, content: string): void => {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, "config.yaml"), content);
    symlinkSync(name, join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  };
  const b = await bench(t, {}, (place, file) => {
    swap(join(file, ".."), "..2026_01", tagged(place, "first"));
    symlinkSync("..data/config.yaml", file);
  });
  const { pid } = b.agent;
  assert.equal(await tagsOfNextLine(b), "first");
  swap(join(b.file, ".."), "..2026_02", tagged(b.place, "second"));
  rmSync(join(b.file, "..", "..2026_01"), { recursive: true });
  await reloads(b, 1);
  assert.equal(await tagsOfNextLine(b), "second");
  assert.equal(b.agent.pid, pid, "no new start");
});

test("a file with errors is told once, with its places, and the old configuration stays in force until it is right", async (t) => {
  const b = await bench(t);
  assert.equal(await tagsOfNextLine(b), "first");
  writeFileSync(b.file, `${tagged(b.place, "wrong")}  use_sll: true\nlogs: 1\n`);
  const { errors } = await b.agent.logged(({ event }) => event === "config_reload_failed");
  assert.match(String(errors), /config\.yaml:6:3: .*use_sll.*use_ssl.*config\.yaml:7:1: .*logs/);
  assert.equal(await tagsOfNextLine(b), "first");
  // SIGHUP says it again; nothing else does, until the file is another one.
  b.agent.child.kill("SIGHUP");
  await eventually(() => b.said("config_reload_failed") === 2, "the errors told again");
  writeFileSync(b.file, tagged(b.place, "right"));
  await reloads(b, 1);
  assert.equal(await tagsOfNextLine(b), "right");
  assert.equal(b.said("config_reload_failed"), 2);
});

test("a configuration file that vanishes is told once, stays in force, and is taken up when it is back", async (t) => {
  const b = await bench(t);
  const { pid } = b.agent;
  unlinkSync(b.file);
  const { message } = await b.agent.logged(({ event }) => event === "config_file_gone");
  assert.match(message, /etc\/config\.yaml, which is not there any more\. It stays in force/);
  assert.equal(await tagsOfNextLine(b), "first");
  writeFileSync(b.file, tagged(b.place, "back"));
  await reloads(b, 1);
  assert.equal(await tagsOfNextLine(b), "back");
  assert.deepEqual([b.said("config_file_gone"), b.said("config_reload_failed")], [1, 0]);
  assert.equal(b.agent.pid, pid, "no new start");
});

test("a FIFO in the place of the configuration file changes nothing, and the agent still ends when it is told to", async (t) => {
  const b = await bench(t);
  const { pid } = b.agent;
  unlinkSync(b.file);
  execFileSync("mkfifo", [b.file]);
  const { message } = await b.agent.logged(({ event }) => event === "config_reload_failed");
  assert.match(
    message,
    /the old one stays in force: .*cannot read .*config\.yaml: it is a pipe, which can be read only once/,
  );
  assert.equal(await tagsOfNextLine(b), "first");
  assert.deepEqual([b.said("config_file_gone"), b.said("restart_needed")], [0, 0]);
  assert.equal(b.agent.pid, pid, "no new start");
  assert.equal(await b.agent.stop(), 0);
});

test("what takes more than the agent has kept ends it with 75, for a new start", {
  skip: process.geteuid?.() === 0 ? false : "needs root, to give something up",
}, async (t) => {
  const b = await bench(t);
  const other = join(b.place.root, "other");
  mkdirSync(other);
  writeFileSync(b.file, tagged({ ...b.place, logs: other }, "second"));
  const confined = process.env.TEST_CONFINEMENT !== "off";
  await b.agent.logged(({ event }) => event === (confined ? "restart_needed" : "config_reloaded"));
  appendFileSync(join(other, "b.log"), "from the other\n");
  await b.sink.until(() => b.sink.texts().includes("from the other"));
  // A new one with errors is not a reason to end.
  const { pid } = b.agent;
  writeFileSync(b.file, `log:\n  dirs: [${JSON.stringify(b.place.logs)}\n`);
  await b.agent.logged(({ event }) => event === "config_reload_failed");
  assert.equal(b.agent.pid, pid);
});

test("a file that is granted alone and replaced is read by a new start, once it is whole", {
  skip: refused,
}, async (t) => {
  const place = makePlace();
  // Beside directories: the agent is not let into this one as a whole.
  const file = join(place.root, "config.yaml");
  writeFileSync(file, tagged(place, "first"));
  const b: Bench = { place, file, ...(await start(t, place, { env: { LOGDNA_CONFINEMENT: "best-effort" } })) };
  assert.equal(await tagsOfNextLine(b), "first");
  writeFileSync(file, tagged(place, "in-place"));
  await reloads(b, 1);
  assert.equal(await tagsOfNextLine(b), "in-place");
  writeFileSync(`${file}.new`, tagged(place, "renamed"));
  renameSync(`${file}.new`, file);
  const { message } = await b.agent.logged(({ event }) => event === "restart_needed");
  assert.match(message, /reading .*config\.yaml, which changed/);
  await eventually(() => b.said("agent_started") === 2, "a new start");
  assert.equal(await tagsOfNextLine(b), "renamed");
  assert.equal(b.said("config_reload_failed"), 0);
});

for (const [what, isThere] of [
  ["where its directory is there", true],
  ["with its directory", false],
] as const) {
  test(`a file that appears at its default place, ${what}, is taken up`, { skip: mountsRefused() }, async (t) => {
    const place = makePlace();
    // Seen as /etc by the agent alone.
    const etc = join(place.root, "etc");
    const empty = join(place.root, "empty");
    for (const directory of [etc, empty, ...(isThere ? [join(etc, "logdna")] : [])]) mkdirSync(directory);
    for (const name of ["passwd", "group", "hosts", "nsswitch.conf", "resolv.conf", "ld.so.cache"])
      if (existsSync(join("/etc", name))) copyFileSync(join("/etc", name), join(etc, name));
    const script = 'mount --bind "$0" /etc && mount --bind "$1" /var/log && shift && exec "$@"';
    const wrapper = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", script, etc, empty];
    const env = { LOGDNA_CONFIG_FILE: undefined, LOGDNA_LOG_DIRS: undefined, LOGDNA_LOGDIR: undefined };
    const b: Bench = {
      place,
      file: join(etc, "logdna", "config.yaml"),
      ...(await start(t, place, { wrapper, args: ["--logdir", place.logs], env })),
    };
    assert.equal(await tagsOfNextLine(b), null);
    if (!isThere) mkdirSync(join(etc, "logdna"));
    writeFileSync(b.file, tagged(place, "appeared"));
    const confined = process.env.TEST_CONFINEMENT !== "off";
    if (isThere || !confined) await reloads(b, 1);
    else await eventually(() => b.said("agent_started") === 2, "a new start");
    assert.equal(await tagsOfNextLine(b), "appeared");
    assert.equal(b.said("restart_needed"), isThere || !confined ? 0 : 1);
    // A valid configuration would be left without it: that of the flags alone.
    unlinkSync(b.file);
    await b.agent.logged(({ event }) => event === "config_file_gone");
    assert.equal(await tagsOfNextLine(b), "appeared");
  });
}

for (const lookback of [undefined, "none", "tail"]) {
  const title =
    "lines and files that are written during twenty reloads, with a server that fails now and then, arrive once and in order";
  test(`${title} (lookback ${lookback ?? "not set"})`, async (t) => {
    const b = await bench(t, { LOGDNA_LOOKBACK: lookback });
    // Every fourth request is refused, and the others take a while, so that each reload finds some under way.
    let requests = 0;
    b.sink.behave(async (_, response) => {
      await delay(20);
      if (++requests % 4 !== 0) return false;
      response.writeHead(503).end();
      return true;
    });
    const log = join(b.place.logs, "a.log");
    const args = [WRITER, log, "2000", "1000000"];
    const writer = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => writer.kill());
    const written = once(writer.stdout, "data").then(([data]) => Number(data));
    // New files at every moment, also while one agent has ended and the next has not begun.
    let files = 0;
    const maker = setInterval(() => {
      files += 1;
      writeFileSync(join(b.place.logs, `new-${files}.log`), `new ${files}\n`);
    }, 10);
    t.after(() => clearInterval(maker));
    for (let n = 1; n <= 20; n += 1) {
      const tags = `number-${n}`;
      writeFileSync(b.file, tagged(b.place, tags));
      b.agent.child.kill("SIGHUP");
      await b.sink.until(() => b.sink.accepted.at(-1)?.url.searchParams.get("tags") === tags, tags);
    }
    writer.kill();
    clearInterval(maker);
    const count = await written;
    const texts = (isNew: boolean): string[] => b.sink.texts().filter((text) => text.startsWith("new ") === isNew);
    const numbers = (): number[] => texts(false).map((text) => Number.parseInt(text, 10));
    await b.sink.until(() => numbers().length >= count, `${count} lines`, 60_000);
    await b.sink.until(() => texts(true).length >= files, `${files} files`, 20_000);
    t.diagnostic(`${count} lines, ${files} files`);
    assert.ok(count > 1000 && files > 100);
    const outOfOrder = numbers().findIndex((number, at) => number !== at);
    assert.deepEqual([outOfOrder, numbers().length], [-1, count]);
    assert.deepEqual(new Set(texts(true)).size, files);
    assert.deepEqual(texts(true).length, files);
    assert.equal(b.said("agent_started"), 1, "no new start");
  });
}
