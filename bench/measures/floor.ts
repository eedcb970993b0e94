import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { launcherFlags } from "../agent.ts";
import { writeCorpus } from "../corpus.ts";
import { type Bench, type Case, inputText, type Measure, type Run, sizeOf } from "../measure.ts";
import { type Memory, memoryOf } from "../process_cost.ts";
import { type Subject, start } from "../subject.ts";

const SETTLE_MS = 2000;
const PATIENCE_MS = 60_000;
const STAY = "setInterval(() => {}, 1e6); console.log('up');";
const MODULES = ["https", "zlib", "fs", "crypto", "sqlite"].map((name) => `require('node:${name}');`).join("");
/** A context of TLS reads the authorities that are trusted. */
const CONTEXT = "require('node:tls').createSecureContext();";

export const floor: Measure = {
  name: "floor",
  about: "What the memory of the agent consists of, by adding one thing after the other.",
  metrics: [
    { key: "rss", title: "RSS, MB", digits: 1 },
    { key: "private", title: "of it private, MB", digits: 1 },
  ],
  chart: { kind: "bars", metric: "private" },
  runs: 3,
  warmUps: 1,
  async prepare(bench) {
    const some = join(bench.place.root, "floor");
    const one = join(bench.place.root, "floor-one");
    for (const directory of [some, one]) mkdirSync(directory);
    const corpus = writeCorpus(join(some, "app.log"), sizeOf(bench, 180, 20));
    const small = writeCorpus(join(one, "app.log"), 100);
    const programs = [
      ["Node alone", STAY],
      ["and the modules that the agent uses", MODULES + STAY],
      ["and a context of TLS", MODULES + CONTEXT + STAY],
    ] as const;
    const [agent] = bench.ours;
    const cases: Case[] = programs.map(([subject, text]) => ({ subject, run: () => programMemory(text) }));
    if (agent !== undefined)
      cases.push(
        { subject: `${agent.name}, one line shipped`, run: () => agentMemory(agent, bench, one, small.lines) },
        { subject: `${agent.name}, all shipped`, run: () => agentMemory(agent, bench, some, corpus.lines) },
      );
    return { cases, input: inputText(corpus) };
  },
};

async function programMemory(text: string): Promise<Run> {
  const child = spawn(process.execPath, [...launcherFlags(), "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await up(child);
    await delay(SETTLE_MS);
    return { sample: inMegabytes(memoryOf(child.pid ?? -1)) };
  } finally {
    child.kill("SIGKILL");
  }
}

function up(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("close", (code) => reject(new Error(`Node ended with ${code}.`)));
  });
}

async function agentMemory(agent: Subject, bench: Bench, logs: string, lines: number): Promise<Run> {
  const running = await start(agent, { ...bench.place, logs });
  try {
    await running.sink.until(lines, PATIENCE_MS, running.gone);
    await delay(SETTLE_MS);
    return { sample: inMegabytes(memoryOf(running.pid)) };
  } finally {
    await running.stop();
  }
}

function inMegabytes(memory: Memory): { rss: number; private: number } {
  return { rss: memory.rss / 1e6, private: memory.private / 1e6 };
}
