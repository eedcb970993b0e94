import assert from "node:assert/strict";
import { appendFileSync, linkSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentOptions, type AgentProcess, configFile, makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually, openFiles } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  log(name: string): string;
}

async function bench(t: TestContext, options: Partial<AgentOptions> = {}, place = makePlace()): Promise<Bench> {
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port, ...options });
  return { place, sink, agent, log: (name) => join(place.logs, name) };
}

async function arrives(sink: Sink, expected: readonly string[]): Promise<void> {
  await sink.until(() => sink.texts().length >= expected.length, `${expected.length} lines`);
  assert.deepEqual(sink.texts().toSorted(), expected.toSorted());
}

/** Waits until the agent has closed every log: what happens to them from now on, only events tell. */
function allCold({ agent, place }: Bench): Promise<void> {
  return eventually(() => openFiles(agent.pid, place.logs).length === 0, "every log closed");
}

const NAMES = Array.from({ length: 40 }, (_, n) => `${n}.log`);

test("lines that a cold file gets right before its rotation are read from the rotated file", async (t) => {
  const here = await bench(t);
  const { sink, log } = here;
  for (const name of NAMES) writeFileSync(log(name), `first ${name}\n`);
  const expected = NAMES.map((name) => `first ${name}`);
  await arrives(sink, expected);
  await allCold(here);
  for (const name of NAMES) {
    appendFileSync(log(name), `last ${name}\n`);
    renameSync(log(name), log(`${name}.1`));
    writeFileSync(log(name), `new ${name}\n`);
    expected.push(`last ${name}`, `new ${name}`);
  }
  await arrives(sink, expected);
});

test("rotations that happen several times while the agent stands still leave no gap", async (t) => {
  const here = await bench(t);
  const { sink, log, agent } = here;
  writeFileSync(log("a.log"), "0\n");
  await arrives(sink, ["0"]);
  await allCold(here);
  agent.child.kill("SIGSTOP");
  rotateSeveralTimes(log("a.log"));
  agent.child.kill("SIGCONT");
  await arrives(sink, ["0", "1", "2", "3", "4"]);
});

test("rotations that happen several times while the agent is down leave no gap, and no old file is read", async (t) => {
  const place = makePlace();
  writeFileSync(join(place.logs, "a.log.7"), "older than the agent\n");
  const { sink, log, agent } = await bench(t, {}, place);
  writeFileSync(log("a.log"), "0\n");
  await arrives(sink, ["0"]);
  assert.equal(await agent.stop(), 0);
  rotateSeveralTimes(log("a.log"));
  writeFileSync(log("a.log.notes"), "no log, whatever it begins with\n");
  const again = await startedAgent(t, { place, port: sink.port });
  await arrives(sink, ["0", "1", "2", "3", "4"]);
  appendFileSync(log("a.log.1"), "late\n");
  await arrives(sink, ["0", "1", "2", "3", "4", "late"]);
  assert.deepEqual([...new Set(sink.lines().map(({ file }) => file))], [log("a.log")]);
  assert.equal(await again.stop(), 0);
  assert.deepEqual(
    again.log().filter(({ event }) => event === "file_gone_while_down"),
    [],
  );
});

/** Adds a line, then renames and begins anew, four times, as logrotate names the old ones. */
function rotateSeveralTimes(log: string): void {
  for (let n = 1; n <= 4; n += 1) {
    appendFileSync(log, `${n}\n`);
    if (n === 4) return;
    for (let old = n; old >= 1; old -= 1) renameSync(old === 1 ? log : `${log}.${old - 1}`, `${log}.${old}`);
    writeFileSync(log, "");
  }
}

test("many files that stop in the middle of a line go on when it ends", async (t) => {
  const { sink, log } = await bench(t);
  for (const name of NAMES) writeFileSync(log(name), `first ${name}\npart `);
  const expected = NAMES.map((name) => `first ${name}`);
  await arrives(sink, expected);
  // Longer than an open file is polled without giving anything.
  await eventually(fullSeconds(3), "three seconds");
  for (const name of NAMES) appendFileSync(log(name), `of ${name}\nnext\n`);
  await arrives(sink, [...expected, ...NAMES.flatMap((name) => [`part of ${name}`, "next"])]);
});

function fullSeconds(seconds: number): () => boolean {
  const until = performance.now() + seconds * 1000;
  return () => performance.now() > until;
}

test("no more files are open than allowed, whatever state they are in, and none is left open by mistake", async (t) => {
  const limit = 16;
  const place = makePlace();
  const names = Array.from({ length: 200 }, (_, n) => `${n}.log`);
  for (const name of names) writeFileSync(join(place.logs, name), `first ${name}\nhalf`);
  const env = { LOGDNA_MAX_OPEN_FILES: String(limit), LOGDNA_LOOKBACK: "start" };
  const here = await bench(t, { env }, place);
  const { sink, log, agent } = here;
  const expected = names.map((name) => `first ${name}`);
  await arrives(sink, expected);
  for (const name of names) appendFileSync(log(name), " and half\n");
  expected.push(...names.map(() => "half and half"));
  await arrives(sink, expected);
  for (let n = 0; n < 100; n += 1) writeFileSync(log(`0.log.${n}`), "x");
  await eventually(() => openFiles(agent.pid, place.logs).length <= limit + 64, "few open files");
  for (let n = 0; n < 20; n += 1) {
    linkSync(log("5.log"), log("5.log.bak"));
    appendFileSync(log("5.log"), `${n}\n`);
    unlinkSync(log("5.log"));
    renameSync(log("5.log.bak"), log("5.log"));
    expected.push(String(n));
  }
  await arrives(sink, expected);
  await allCold(here);
});

test("a link to a log in a directory that is not watched is followed all the same", async (t) => {
  const place = makePlace();
  mkdirSync(join(place.logs, "pods"));
  const target = join(place.logs, "pods", "0.log");
  writeFileSync(target, "");
  symlinkSync(target, join(place.logs, "pod.log"));
  const rules = { log: { dirs: [place.logs], exclude: { glob: [`${place.logs}/pods/**`] } } };
  writeFileSync(join(place.root, "config.yaml"), JSON.stringify(rules));
  const here = await bench(t, {}, place);
  appendFileSync(target, "one\n");
  await arrives(here.sink, ["one"]);
  await allCold(here);
  appendFileSync(target, "two\n");
  await arrives(here.sink, ["one", "two"]);
  assert.deepEqual([...new Set(here.sink.lines().map(({ file }) => file))], [here.log("pod.log")]);
});

test("a file that is renamed away and back is followed as before", async (t) => {
  const here = await bench(t);
  const { sink, log } = here;
  writeFileSync(log("a.log"), "one\n");
  await arrives(sink, ["one"]);
  renameSync(log("a.log"), log("a.txt"));
  appendFileSync(log("a.txt"), "two\n");
  await arrives(sink, ["one", "two"]);
  renameSync(log("a.txt"), log("a.log"));
  appendFileSync(log("a.log"), "half");
  writeFileSync(log("b.log"), "beside\n");
  await arrives(sink, ["one", "two", "beside"]);
  await eventually(fullSeconds(2), "longer than a rotated file is waited for");
  appendFileSync(log("a.log"), " and half\n");
  await arrives(sink, ["one", "two", "beside", "half and half"]);
});

test("a rotated file that its writer still writes to is not torn by a slow server", async (t) => {
  const here = await bench(t, { env: { LOGDNA_MAX_IN_FLIGHT: "1" } });
  const { sink, log } = here;
  writeFileSync(log("a.log"), "begin\n");
  await arrives(sink, ["begin"]);
  let slow = true;
  sink.behave(async () => {
    if (slow) await eventually(fullSeconds(1.7), "the time of a slow server");
    return false;
  });
  renameSync(log("a.log"), log("a.log.1"));
  const expected = ["begin"];
  for (let n = 0; n < 8; n += 1) {
    appendFileSync(log("a.log.1"), `${n === 0 ? "" : "ends here\n"}line ${n} `);
    expected.push(`line ${n} ends here`);
    await eventually(fullSeconds(0.5), "the pace of the writer");
  }
  appendFileSync(log("a.log.1"), "ends here\n");
  slow = false;
  await arrives(sink, expected);
});

test("an inclusion that is taken away and given back resumes where it was", async (t) => {
  const { sink, log, agent, place } = await bench(t);
  const follow = async (...glob: string[]): Promise<void> => {
    writeFileSync(configFile(place), JSON.stringify({ log: { dirs: [place.logs], include: { glob } } }));
    const before = agent.log().filter(({ event }) => event === "config_reloaded").length;
    agent.child.kill("SIGHUP");
    await eventually(
      () => agent.log().filter(({ event }) => event === "config_reloaded").length > before,
      "the configuration read again",
    );
  };
  writeFileSync(log("a.log"), "one\n");
  await arrives(sink, ["one"]);
  await follow("*.txt");
  appendFileSync(log("a.log"), "two\n");
  writeFileSync(log("b.txt"), "other\n");
  await arrives(sink, ["one", "other"]);
  await follow("*.log", "*.txt");
  await arrives(sink, ["one", "other", "two"]);
});
