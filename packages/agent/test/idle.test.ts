import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { eventually, openFiles } from "./eventually.ts";
import { startSink } from "./sink.ts";

const DIRECTORIES = 200;
const FILES = 20_000;
const QUIET_MS = 3000;
/** A hundredth of one core, and the resolution of the kernel's accounting. */
const MOST_CPU_MS = QUIET_MS / 100 + 10;

/** CPU time that a process has used, in milliseconds: fields 14 and 15 of its stat in ticks of 10 ms (proc(5)). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

test(`${FILES} idle files cost no descriptors and no CPU, and each is heard of at once`, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const logs = Array.from({ length: FILES }, (_, n) => join(place.logs, String(n % DIRECTORIES), `${n}.log`));
  for (let n = 0; n < DIRECTORIES; n += 1) mkdirSync(join(place.logs, String(n)));
  for (const log of logs) writeFileSync(log, "old\n");
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOG_LEVEL: "info" } });
  await eventually(() => openFiles(agent.pid, place.logs).length === 0, "every log closed", 30_000);

  // The time is what is measured: a machine that is busy may disturb one attempt, a busy agent disturbs all.
  let used = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && used > MOST_CPU_MS; attempt += 1) {
    const before = cpuMs(agent.pid);
    const until = performance.now() + QUIET_MS;
    await eventually(() => performance.now() > until, "a quiet time");
    used = cpuMs(agent.pid) - before;
  }
  t.diagnostic(`${FILES} idle files: ${used} ms of CPU in ${QUIET_MS} ms`);
  assert.ok(used <= MOST_CPU_MS, `${used} ms of CPU in ${QUIET_MS} ms`);
  assert.deepEqual(openFiles(agent.pid, place.logs), []);

  const delays: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    const text = `line ${n}`;
    const begun = performance.now();
    appendFileSync(logs[n * 997] ?? "", `${text}\n`);
    await sink.until(() => sink.texts().includes(text), text);
    delays.push(performance.now() - begun);
  }
  delays.sort((a, b) => a - b);
  t.diagnostic(`write to arrival: median ${delays[10]?.toFixed(1)} ms, worst ${delays.at(-1)?.toFixed(1)} ms`);
  assert.ok((delays[10] ?? Number.NaN) < 100, `median ${delays[10]} ms`);
});

test("a line of a gigabyte without an end takes bounded memory, and what is dropped of it is counted", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port });
  const log = join(place.logs, "a.log");
  const beside = join(place.logs, "b.log");
  const block = Buffer.alloc(32 * 1024 * 1024, "x");
  let peak = 0;
  for (let n = 0; n < 32; n += 1) {
    appendFileSync(log, block);
    appendFileSync(beside, `beside ${n}\n`);
    await sink.until(() => sink.texts(beside).length === n + 1, `line ${n} of the other file`);
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1]) / 1024);
  }
  appendFileSync(log, "\nthe next\n");
  await sink.until(() => sink.texts().includes("the next"), "the line behind it", 60_000);
  t.diagnostic(`peak ${peak.toFixed(0)} MiB resident`);
  assert.ok(peak < 250, `${peak} MiB`);
  const shipped = sink
    .texts(log)
    .filter((text) => /^x+$/.test(text))
    .reduce((sum, text) => sum + text.length, 0);
  const note = sink
    .lines()
    .find(({ meta }) => typeof meta === "object" && meta !== null && "line_dropped_bytes" in meta);
  const dropped = Number((note?.meta as { line_dropped_bytes?: number } | undefined)?.line_dropped_bytes);
  assert.equal(shipped + dropped, 32 * block.length);
  assert.equal(await agent.stop(), 0);
  const counters = await agent.logged(({ event }) => event === "agent_counters");
  assert.equal(
    Number(counters.bytes_shipped) + Number(counters.bytes_empty) + Number(counters.bytes_dropped),
    counters.bytes_read,
  );
});
