/** Faults of exchanges: what a server that is reached does with a request. */
import { answer, EXCHANGE_FAULTS, type ExchangeFaultName, echo, redirect, waitAfter } from "../exchange_faults.ts";
import type { Scenario } from "../scenario.ts";
import { RECOVERY_MS, type Scene } from "../scene.ts";

/** Answers after which the same body is sent again soon. */
const RETRYABLE = [408, 425, 429, 500, 502, 503, 504, 507] as const;
/** Answers that a person has to do something about, or that nobody understands. */
const SLOW = [401, 403, 404, 405, 410, 418, 501, 505] as const;
/** What the agent waits then: half of 10 s, and up to 2 s of jitter. */
const SLOW_MS = 7000;
/** Within this a line is set aside that the server refuses, while it takes others. */
const GIVEN_UP_MS = 20_000;
/** What a line waits at most that was refused alone. */
const HELD_MS = 10_000;

async function exchanges(scene: Scene): Promise<void> {
  // Object.keys gives strings; these are the very keys of the table.
  const all = Object.keys(EXCHANGE_FAULTS) as ExchangeFaultName[];
  for (const fault of scene.random.shuffle(all)) {
    await scene.traffic(5);
    scene.server.inject(EXCHANGE_FAULTS[fault], scene.random.pick([1, 1, 0.5]));
    await scene.traffic(scene.random.between(10, 60), (step) => {
      if (step === 20) scene.rotate();
    });
    await scene.recover(fault, RECOVERY_MS + waitAfter(EXCHANGE_FAULTS[fault]));
  }
}

async function statuses(scene: Scene): Promise<void> {
  for (const status of scene.random.shuffle(RETRYABLE)) {
    await scene.traffic(5);
    scene.server.inject(echo(status), scene.random.pick([1, 0.5]));
    await scene.traffic(scene.random.between(20, 80));
    await scene.recover(`status ${status}`);
  }
}

/** Two of them, since each takes long: four seeds in a row have all. */
async function slowStatuses(scene: Scene): Promise<void> {
  const first = (2 * scene.seed) % SLOW.length;
  for (const status of SLOW.slice(first, first + 2)) {
    await scene.traffic(5);
    scene.server.inject(echo(status));
    await scene.traffic(scene.random.between(20, 80));
    await scene.recover(`status ${status}`, SLOW_MS + RECOVERY_MS);
  }
}

async function redirects(scene: Scene): Promise<void> {
  scene.server.inject(redirect(scene.random.pick([301, 302, 303, 307, 308])));
  await scene.traffic(50);
  await scene.recover("a redirect", SLOW_MS + RECOVERY_MS);
}

async function retryAfter(scene: Scene): Promise<void> {
  for (const asDate of scene.random.shuffle([true, false])) {
    await scene.traffic(5);
    const seconds = scene.random.between(1, 3);
    // A date has whole seconds.
    const at = new Date(Date.now() + (seconds + 1) * 1000);
    scene.server.inject(
      answer(scene.random.pick([429, 503]), { "retry-after": asDate ? at.toUTCString() : String(seconds) }),
    );
    await scene.traffic(50);
    const requests = scene.server.requests;
    await scene.traffic(20);
    if (!asDate && scene.server.requests > requests + scene.maxInFlight)
      scene.agent.wrong.push(
        `${scene.server.requests - requests} requests within 200 ms of a Retry-After of ${seconds} s`,
      );
    await scene.recover("Retry-After", (seconds + 1) * 1000 + RECOVERY_MS);
  }
}

async function lostAnswers(scene: Scene): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    scene.server.inject(EXCHANGE_FAULTS[scene.random.pick(["lose_answer", "cut_answer", "no_http"] as const)], 0.6);
    await scene.traffic(60);
    if (round % 2 === 1) await scene.crash(scene.random.between(0, 20));
    await scene.recover("lost answers");
  }
}

/** Everything is refused as unacceptable, as by a proxy that dislikes the agent: nothing may be given up. */
async function unacceptable(scene: Scene): Promise<void> {
  await scene.traffic(20);
  scene.server.inject(echo(scene.random.pick([400, 413, 422])));
  await scene.traffic(scene.random.between(20, 60));
  await scene.recover("everything was refused", HELD_MS + RECOVERY_MS);
}

async function tooLarge(scene: Scene): Promise<void> {
  const most = scene.random.between(1, 6);
  await scene.traffic(20);
  scene.server.inject(answer(413), 1, (lines) => lines.length > most);
  await scene.traffic(60);
  await scene.recover(`413 beyond ${most} lines`);
}

/** Some lines are refused by their text, for good; all others arrive. */
async function poison(scene: Scene, kills: boolean): Promise<void> {
  scene.server.inject(echo(scene.random.pick([400, 422])), 1, (lines) =>
    lines.some(({ line }) => line.includes("POISON")),
  );
  await scene.traffic(120, async (step) => {
    if (step % 40 === 20) scene.random.pick(scene.files).write(1, scene.padding, true);
    if (kills && step === 100) await scene.crash(scene.random.between(0, 10));
  });
  await scene.recover("poison lines", HELD_MS + RECOVERY_MS, () => undefined);
  // A line is given up only while others are accepted.
  const refused = (): number => new Set(scene.agent.readQuarantine()).size;
  const lines = scene.files.reduce((sum, file) => sum + file.poison.length, 0);
  for (const until = performance.now() + GIVEN_UP_MS; performance.now() < until && refused() < lines; )
    await scene.traffic(10);
  await scene.settle();
}

export const EXCHANGES: readonly Scenario[] = [
  {
    name: "exchanges",
    about: "Stalls, resets, cuts, endless, huge, wrong and lost answers, each at its stage of the exchange.",
    run: exchanges,
  },
  { name: "statuses", about: "Each status after which a body is sent again.", run: statuses },
  { name: "slow-statuses", about: "Statuses that only a person can do something about.", run: slowStatuses },
  { name: "redirects", about: "A redirect to another server.", run: redirects },
  { name: "retry-after", about: "Retry-After, in seconds and as a date.", run: retryAfter },
  {
    name: "lost-answers",
    about: "Lines are stored and the answer is lost, with kill -9 in between.",
    run: lostAnswers,
  },
  { name: "unacceptable", about: "Every body is refused with 400, 413 or 422, for a time.", run: unacceptable },
  { name: "too-large", about: "Bodies with more than a few lines are refused with 413.", run: tooLarge },
  { name: "poison", about: "Some lines are refused for good.", run: (scene) => poison(scene, false) },
  {
    name: "poison-and-killed",
    about: "Some lines are refused for good, and kill -9 while they are tried.",
    run: (scene) => poison(scene, true),
    // Three lines, for each of which a batch is halved at most eight times.
    bounds: { repeatedBatches: 3 * 8 * 2 },
  },
];
