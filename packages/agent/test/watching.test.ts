import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { mountAt, mountsRefused, TMPFS } from "../src/watch/mounting.ts";
import { makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

test("a log directory that does not exist yet ships when it appears, goes and comes back", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const logs = join(place.root, "not/yet/here");
  writeFileSync(join(place.root, "config.yaml"), JSON.stringify({ log: { dirs: [logs] } }));
  await startedAgent(t, { place, port: sink.port });
  const expected: string[] = [];
  for (const line of ["first", "second", "third"]) {
    mkdirSync(join(logs, "deep"), { recursive: true });
    writeFileSync(join(logs, "deep/a.log"), `${line}\n`);
    appendFileSync(join(logs, "deep/a.log"), `${line} again\n`);
    expected.push(line, `${line} again`);
    await sink.until(() => sink.texts().length >= expected.length, line);
    rmSync(join(place.root, "not"), { recursive: true });
  }
  assert.deepEqual(sink.texts(), expected);
});

test("a log directory given through a link, and a log file given by its name, ship", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  mkdirSync(join(place.root, "real"));
  symlinkSync("real", join(place.root, "link"));
  const single = join(place.root, "single.log");
  writeFileSync(join(place.root, "config.yaml"), JSON.stringify({ log: { dirs: [join(place.root, "link"), single] } }));
  await startedAgent(t, { place, port: sink.port });
  writeFileSync(join(place.root, "real/a.log"), "through the link\n");
  writeFileSync(join(place.root, "other.log"), "not asked for\n");
  writeFileSync(single, "alone\n");
  await sink.until(() => sink.texts().length >= 2);
  assert.deepEqual(sink.texts().toSorted(), ["alone", "through the link"]);
});

test("the files of a mount that appears ship, and what it hid once it is gone", {
  skip: mountsRefused(),
}, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const point = join(place.logs, "disk");
  mkdirSync(point);
  writeFileSync(join(point, "before.log"), "");
  const agent = await startedAgent(t, { place, port: sink.port });
  const unmount = mountAt(point, ...TMPFS);
  try {
    writeFileSync(join(point, "within.log"), "within\n");
    await sink.until(() => sink.texts().includes("within"));
    mkdirSync(join(point, "deep"));
    writeFileSync(join(point, "deep/within.log"), "deep within\n");
    await sink.until(() => sink.texts().includes("deep within"));
  } finally {
    await unmount();
  }
  appendFileSync(join(point, "before.log"), "uncovered\n");
  await sink.until(() => sink.texts().includes("uncovered"));
  assert.deepEqual(sink.texts(), ["within", "deep within", "uncovered"]);
  assert.equal(await agent.stop(), 0);
});

test("more events than the kernel queues: every line of every file arrives once", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const queued = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "latin1"));
  const agent = await startedAgent(t, { place, port: sink.port });
  const expected: string[] = [];
  const write = (name: string, ...lines: string[]): void => {
    const path = join(place.logs, name);
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, lines.map((line) => `${line}\n`).join(""));
    expected.push(...lines);
  };
  for (let n = 0; n < 300; n++) write(`d${n % 10}/${n}.log`, `${n} first`);
  // All directories are watched once all first lines have arrived.
  await sink.until(() => sink.texts().length >= expected.length, "the first lines");
  // Stopped, it reads no events; each pair of writes to two files is two events.
  agent.child.kill("SIGSTOP");
  const turns = Math.ceil(queued / 300) + 4;
  for (let turn = 0; turn < turns; turn++)
    for (let n = 0; n < 300; n++) write(`d${n % 10}/${n}.log`, `${n} turn ${turn}`);
  for (let n = 0; n < 50; n++) write(`new${n}/deep/a.log`, `new ${n}`);
  renameSync(join(place.logs, "d0"), join(place.logs, "moved"));
  write("moved/0.log", "0 moved");
  agent.child.kill("SIGCONT");
  await agent.logged(({ event }) => event === "queue_overflow", "queue_overflow");
  await sink.until(() => sink.texts().length >= expected.length, `${expected.length} lines`, 60_000);
  assert.deepEqual(sink.texts().toSorted(), expected.toSorted());
  for (let n = 0; n < 50; n++) write(`new${n}/deep/a.log`, `later ${n}`);
  await sink.until(() => sink.texts().length >= expected.length, `${expected.length} lines`);
  assert.deepEqual(sink.texts().toSorted(), expected.toSorted());
});
