import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOf, SimulatedClock, seededRandom, simulatedDeliverer, simulatedSender } from "../../test/simulation.ts";

/** What became of the lines that one simulated agent had. */
interface Outcome {
  readonly accepted: ReadonlySet<string>;
  readonly aside: ReadonlySet<string>;
  /** When each line was refused alone, and when anything was accepted, in milliseconds. */
  readonly refusedAlone: ReadonlyMap<string, readonly number[]>;
  readonly acceptances: readonly { readonly at: number; readonly texts: readonly string[] }[];
  /** When each line was set aside. */
  readonly asideAt: ReadonlyMap<string, number>;
  /** When each line was first in a body that was refused. */
  readonly firstRefused: ReadonlyMap<string, number>;
  /** When each line was first sent. */
  readonly firstSent: ReadonlyMap<string, number>;
}

/**
 * A busy host: so many batches of up to 20 lines, a new one whenever there is room and a few milliseconds have passed; then
 * further ones until nothing of the first is left. The proxy in front of the server refuses as it likes.
 */
async function simulate(
  seed: number,
  batches: number,
  proxyRefuses: (now: number, random: () => number) => boolean,
  poisonShare = 0,
): Promise<Outcome> {
  const random = seededRandom(seed);
  const clock = new SimulatedClock();
  const accepted = new Set<string>();
  const refusedAlone = new Map<string, number[]>();
  const firstRefused = new Map<string, number>();
  const firstSent = new Map<string, number>();
  const acceptances: { at: number; texts: readonly string[] }[] = [];
  const asideAt = new Map<string, number>();
  const sender = simulatedSender(
    clock,
    () => 1 + random() * 20,
    (texts, now) => {
      for (const text of texts) if (!firstSent.has(text)) firstSent.set(text, now);
      if (proxyRefuses(now, random) || texts.some((text) => text.startsWith("poison"))) {
        for (const text of texts) if (!firstRefused.has(text)) firstRefused.set(text, now);
        const [text = ""] = texts;
        if (texts.length === 1) refusedAlone.set(text, [...(refusedAlone.get(text) ?? []), now]);
        return 400;
      }
      for (const text of texts) accepted.add(text);
      acceptances.push({ at: now, texts });
      return 200;
    },
  );
  let open = 0;
  const deliverer = simulatedDeliverer({
    sender,
    clock,
    random,
    setAside: (lines) => {
      for (const { line } of lines) asideAt.set(String(line.line), clock.now());
    },
    onSettled: (batch) => {
      if (!batch.id.startsWith("x")) open -= 1;
    },
  });
  for (let n = 0; n < batches || open > 0; n += 1) {
    await clock.run(() => deliverer.hasRoom);
    const kind = n < batches ? "b" : "x";
    const lines = Array.from({ length: 1 + Math.floor(random() * 20) }, (_, line) => {
      return `${random() < poisonShare && kind === "b" ? "poison" : "line"} ${n}.${line}`;
    });
    if (kind === "b") open += 1;
    deliverer.submit(batchOf(`${kind}${n}`, lines));
    const until = clock.now() + 5 + random() * 50;
    void clock.delay(until - clock.now(), new AbortController().signal);
    await clock.run(() => clock.now() >= until);
    assert.ok(clock.now() < 4 * 3_600_000, `seed ${seed}: ${open} batches are stuck`);
  }
  deliverer.stop();
  return { accepted, aside: new Set(asideAt.keys()), refusedAlone, acceptances, asideAt, firstRefused, firstSent };
}

/**
 * What was set aside was refused alone three times, over more than a second, with others accepted in between; or five times where
 * others were accepted only since a body that held it was refused, as when all that is under way waits.
 */
function assertRule({ aside, refusedAlone, firstRefused, acceptances }: Outcome, seed: number): void {
  for (const line of aside) {
    const times = refusedAlone.get(line) ?? [];
    const [first = 0] = times;
    const last = times.at(-1) ?? 0;
    assert.ok(times.length >= 3, `seed ${seed}: ${line} was refused alone ${times.length} times`);
    assert.ok(last - first >= 1000, `seed ${seed}: ${line} was given up after ${last - first} ms`);
    const isWitnessed = (from: number): boolean =>
      acceptances.some(({ at, texts }) => at > from && at < last && !texts.includes(line));
    const isEnough = isWitnessed(first) || (times.length >= 5 && isWitnessed(firstRefused.get(line) ?? first));
    assert.ok(isEnough, `seed ${seed}: nothing else was accepted between the refusals of ${line}`);
  }
}

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed);

for (const share of [0.05, 0.2, 0.5]) {
  test(`a proxy that answers 400 to ${100 * share} % of the requests at random costs no line`, async () => {
    for (const seed of SEEDS) {
      const outcome = await simulate(seed, 60, (_, random) => random() < share);
      assertRule(outcome, seed);
      assert.deepEqual([...outcome.aside], [], `seed ${seed}`);
    }
  });

  test(`behind a proxy that answers 400 to ${100 * share} % of the requests, bad lines are set aside and no others`, async () => {
    for (const seed of SEEDS.slice(0, 5)) {
      const outcome = await simulate(seed, 40, (_, random) => random() < share, 0.02);
      assertRule(outcome, seed);
      assert.ok(
        [...outcome.aside].every((line) => line.startsWith("poison")),
        `seed ${seed}: ${[...outcome.aside]}`,
      );
    }
  });
}

test("a proxy that answers 400 to everything for a while, again and again, costs no line", async () => {
  for (const seed of SEEDS) {
    // Spells of up to 20 s each, from a random of their own: they do not depend on what is sent.
    const spells = seededRandom(seed + 1000);
    let ends = 0;
    let isBad = false;
    const outcome = await simulate(seed, 200, (now) => {
      while (now >= ends) {
        ends += spells() ** 3 * 20_000;
        isBad = !isBad;
      }
      return isBad;
    });
    assertRule(outcome, seed);
    assert.deepEqual([...outcome.aside], [], `seed ${seed}`);
  }
});

test("a moment in which a few requests are accepted, between two long spells of 400 for everything, costs no line", async () => {
  for (const seed of SEEDS) {
    let requests = 0;
    const outcome = await simulate(seed, 60, (now) => {
      requests += 1;
      const isMoment = requests > 60 && requests <= 60 + 2 * (seed + 1);
      return !isMoment && now < 300_000;
    });
    assert.deepEqual([...outcome.aside], [], `seed ${seed}`);
  }
});

test("a bad line is set aside within seconds, and the others do not wait for it", async () => {
  for (const seed of SEEDS) {
    const outcome = await simulate(seed, 60, () => false, 0.02);
    assertRule(outcome, seed);
    for (const [line, at] of outcome.asideAt) {
      const tookMs = at - (outcome.firstSent.get(line) ?? 0);
      assert.ok(tookMs < 8000, `seed ${seed}: ${line} took ${tookMs} ms`);
    }
    for (const { at, texts } of outcome.acceptances)
      for (const text of texts) assert.ok(at - (outcome.firstSent.get(text) ?? 0) < 1000, `seed ${seed}: ${text}`);
  }
});
