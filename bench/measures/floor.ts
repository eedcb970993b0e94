import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { launcherFlags } from "../agent.ts";
import { writeCorpus } from "../corpus.ts";
import { type Bench, type Case, inputText, type Measure, type Run, type Sample, sizeOf } from "../measure.ts";
import { memoryKinds } from "../memory_kinds.ts";
import { memoryOf } from "../process_cost.ts";
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
    { key: "sharedFiles", title: "of it shared, MB", digits: 1 },
    { key: "private", title: "private, MB", digits: 1 },
    { key: "anonymous", title: "of it heap of JavaScript, stacks, buffers, MB", digits: 1 },
    { key: "mallocHeap", title: "malloc, MB", digits: 1 },
    { key: "compiledCode", title: "compiled code, MB", digits: 1 },
    { key: "ownFiles", title: "written pages of files, MB", digits: 1 },
  ],
  chart: { kind: "bars", metric: "private" },
  runs: 3,
  warmUps: 1,
  async prepare(bench) {
    const some = join(bench.place.inputs, "floor");
    const one = join(bench.place.inputs, "floor-one");
    for (const directory of [some, one]) mkdirSync(directory);
    const corpus = writeCorpus(join(some, "app.log"), sizeOf(bench, 180, 20));
    const small = writeCorpus(join(one, "app.log"), 100);
    const programs = [
      ["Node alone", STAY],
      ["and the modules that the agent uses", MODULES + STAY],
      ["and a context of TLS", MODULES + CONTEXT + STAY],
    ] as const;
    const cases: Case[] = programs.map(([subject, text]) => ({ subject, run: () => programMemory(text) }));
    for (const agent of bench.ours) {
      const { name } = agent;
      const off = { LOGDNA_CONFINEMENT: "off" };
      cases.push(
        {
          subject: `${name}, not confined, one line shipped`,
          run: () => agentMemory(agent, bench, one, small.lines, off),
        },
        { subject: `${name}, one line shipped`, run: () => agentMemory(agent, bench, one, small.lines) },
        { subject: `${name}, all shipped`, run: () => agentMemory(agent, bench, some, corpus.lines) },
      );
    }
    return { cases, input: inputText(corpus) };
  },
};

async function programMemory(text: string): Promise<Run> {
  const child = spawn(process.execPath, [...launcherFlags(), "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await up(child);
    await delay(SETTLE_MS);
    return { sample: memorySample(child.pid ?? -1) };
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

async function agentMemory(agent: Subject, bench: Bench, logs: string, lines: number, env = {}): Promise<Run> {
  const running = await start(agent, { ...bench.place, logs, env });
  try {
    await running.sink.until(lines, PATIENCE_MS, running.gone);
    await delay(SETTLE_MS);
    return { sample: memorySample(running.pid) };
  } finally {
    await running.stop();
  }
}

function memorySample(pid: number): Sample {
  const all = { ...memoryOf(pid), ...memoryKinds(pid) };
  return Object.fromEntries(Object.entries(all).map(([key, bytes]) => [key, bytes / 1e6]));
}
