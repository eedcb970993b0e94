import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { batchOf, SimulatedClock, seededRandom, simulatedDeliverer, simulatedSender } from "../../test/simulation.ts";
import { backoffMs, retryWaitMs } from "./backoff.ts";

const OPTIONS = { baseMs: 100, capMs: 2000, slowMs: 10_000 } as const;
const failures = fc.integer({ min: 1, max: 1_000_000 });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a back-off is drawn from all of 0 to base · 2ⁿ, and never above the cap", () => {
  fc.assert(
    fc.property(
      failures,
      fraction,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 60_000 }),
      (n, f, baseMs, capMs) => {
        const ceiling = Math.min(capMs, baseMs * 2 ** (n - 1));
        const wait = backoffMs(n, { baseMs, capMs, random: () => f });
        // Full jitter: the fraction of the ceiling is the random number itself.
        assert.ok(Math.abs(wait - f * ceiling) <= 0.5, `${wait} of ${ceiling} for ${f}`);
        assert.ok(wait >= 0 && wait <= capMs);
      },
    ),
  );
});

test("a wait that the server asks for is kept in full, and spread by up to half of it, or the back-off where that is more", () => {
  fc.assert(
    fc.property(failures, fraction, fc.integer({ min: 0, max: 300_000 }), (n, f, asked) => {
      const wait = retryWaitMs("retry", n, asked, { ...OPTIONS, random: () => f });
      assert.ok(wait >= asked && wait <= asked + Math.max(OPTIONS.capMs, asked / 2 + 1));
      assert.ok(wait >= asked + Math.floor((f * asked) / 2));
    }),
  );
});

test("a rejected key is tried slowly from the first time on, a wrong place ever more slowly, neither in step", () => {
  fc.assert(
    fc.property(failures, fraction, (n, f) => {
      const options = { ...OPTIONS, random: () => f };
      const rejected = retryWaitMs("key_rejected", n, undefined, options);
      assert.ok(rejected >= 5000 && rejected <= 10_000);
      assert.ok(Math.abs(rejected - (5000 + 5000 * f)) <= 0.5);
      const misdirected = retryWaitMs("misdirected", n, undefined, options);
      assert.ok(misdirected <= Math.min(10_000, 100 * 2 ** (n - 1)));
    }),
  );
});

/** Requests in each tenth of a second after the server has come back, of a thousand agents that were all refused at once. */
async function fleet(seed: number, downMs: number, answer: { status: number; retryAfterMs: number | undefined }) {
  const clock = new SimulatedClock();
  const buckets: number[] = [];
  let left = 1000;
  for (let agent = 0; agent < 1000; agent += 1) {
    const random = seededRandom(seed * 1000 + agent);
    const good = simulatedSender(
      clock,
      () => 1,
      () => 200,
    );
    simulatedDeliverer({
      clock,
      random,
      sender: {
        async send(...request) {
          const { now } = clock;
          const returned = now() - downMs;
          if (returned < 0) {
            await clock.delay(1, request[3]);
            return { ...answer, text: "" };
          }
          const bucket = Math.floor(returned / 100);
          buckets[bucket] = (buckets[bucket] ?? 0) + 1;
          return good.send(...request);
        },
      },
      onSettled: () => {
        left -= 1;
      },
    }).submit(batchOf(`b${agent}`, ["a line"]));
  }
  await clock.run(() => left === 0);
  return Array.from(buckets, (count) => count ?? 0);
}

for (const [what, downMs, answer, share] of [
  ["after an outage of ten seconds", 10_000, { status: 503, retryAfterMs: undefined }, 0.16],
  ["after an outage of a second", 1000, { status: 503, retryAfterMs: undefined }, 0.2],
  ["after all were told the same Retry-After of ten seconds", 100, { status: 429, retryAfterMs: 10_000 }, 0.04],
  ["after their key was rejected", 100, { status: 403, retryAfterMs: undefined }, 0.04],
] as const) {
  test(`a fleet of 1000 agents that began in step comes back spread ${what}: at most ${share * 100} % in a tenth of a second`, async () => {
    const buckets = await fleet(1, downMs, answer);
    assert.equal(
      buckets.reduce((sum, count) => sum + count, 0),
      1000,
    );
    const most = Math.max(...buckets);
    assert.ok(most <= share * 1000, `${most} at once: ${buckets}`);
  });
}
