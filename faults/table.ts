import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { answer } from "./exchange_faults.ts";
import { Scene } from "./scene.ts";

const LINES = 1_000_000;
/** All lines are written within as many seconds as the outages last. */
const WRITING_MS = 20_000;
const OUTAGE_MS = 20_000;
const STEP_MS = 20;
const PADDING = 60;
/** After this, what is not stored is lost. */
const PATIENCE_MS = 180_000;

interface Row {
  readonly what: string;
  run(scene: Scene): Promise<unknown>;
}

/** Writes all lines at an even pace. */
async function write({ files }: Scene): Promise<void> {
  const begun = performance.now();
  const file = files[0];
  while (file !== undefined && file.written < LINES) {
    const due = Math.min(LINES, Math.ceil(((performance.now() - begun) / WRITING_MS) * LINES));
    file.write(due - file.written, PADDING);
    await delay(STEP_MS);
  }
}

async function killAt(scene: Scene, stored: number): Promise<void> {
  while (scene.ledger.size < stored) await delay(5);
  await scene.agent.kill();
  await scene.agent.start();
}

const ROWS: readonly Row[] = [
  {
    what: "server down for 20 s",
    async run(scene) {
      await scene.server.refuse();
      await Promise.all([write(scene), delay(OUTAGE_MS).then(() => scene.server.heal())]);
    },
  },
  {
    what: "server answers 500 for 20 s",
    async run(scene) {
      scene.server.inject(answer(500));
      await Promise.all([write(scene), delay(OUTAGE_MS).then(() => scene.server.heal())]);
    },
  },
  {
    what: "kill -9 at 40 %, and a start",
    run: (scene) => Promise.all([write(scene), killAt(scene, 0.4 * LINES)]),
  },
  {
    what: "stopped while the server is down, and a start",
    async run(scene) {
      await scene.server.refuse();
      await write(scene);
      await scene.agent.terminate();
      await scene.server.heal();
      await scene.agent.start();
    },
  },
];

/** Measures the rows of docs/reliability.md: the same numbered lines, four faults. Tells whether nothing was lost. */
export async function measureTable(say: (text: string) => void): Promise<boolean> {
  let lostAny = false;
  say(
    `${LINES} lines, written within ${WRITING_MS / 1000} s into one file; the agent with its default settings, over TLS.\n`,
  );
  say("| Fault | Lost | Stored twice | Batches sent again | Peak RSS | All stored after the last line was written |");
  say("|---|---|---|---|---|---|");
  for (const { what, run } of ROWS) {
    const scene = await Scene.make(1, { tls: true, files: 1, env: DEFAULTS });
    try {
      await scene.agent.start();
      await run(scene);
      const begun = performance.now();
      while (scene.ledger.size < LINES && performance.now() - begun < PATIENCE_MS) await delay(10);
      const tookMs = performance.now() - begun;
      await scene.agent.terminate();
      const { ledger, agent } = scene;
      const lost = LINES - ledger.size;
      lostAny ||= lost > 0 || agent.wrong.length > 0;
      say(
        `| ${what} | ${lost} | ${ledger.storedTwice} | ${ledger.repeatedBatches} | ${Math.round(agent.numbers.peakRss / 1024 / 1024)} MB | ${(tookMs / 1000).toFixed(1)} s |`,
      );
      for (const wrong of agent.wrong) say(`\n✖ ${wrong}`);
    } finally {
      await scene.close();
    }
  }
  return !lostAny;
}

/** What a scene draws from its seed otherwise. */
const DEFAULTS = {
  LOGDNA_MAX_IN_FLIGHT: undefined,
  LOGDNA_INGEST_BUFFER_SIZE: undefined,
  LOGDNA_INGEST_TIMEOUT: undefined,
} as const;
