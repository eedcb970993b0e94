/**
 * Looks for mistakes of the kernel until it is interrupted, or for some time: `npm run fuzz [-- SECONDS [SEED]]`. Each seed makes a few
 * bodies of random runs (`random_runs.ts`), which are checked against plain JavaScript, JSON.parse and zlib; and compresses bytes that no body holds. A failure tells
 * its seed, which makes the same bodies again: `npm run fuzz -- 0 SEED`. Several may run side by side, with seeds far apart.
 */
import { checkBodies } from "./check_body.ts";
import { DeflateChecker } from "./check_deflate.ts";

const seconds = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);
const first = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const TELL_MS = 10_000;

const begun = performance.now();
const until = begun + seconds * 1000;
let told = begun;
let bodies = 0;
let bytes = 0;
let seed = first;
const deflate = new DeflateChecker();
process.once("SIGINT", () => finish());
for (;;) {
  try {
    const checked = checkBodies(seed);
    bodies += checked.bodies;
    bytes += checked.bytes + deflate.check(seed);
  } catch (error) {
    process.stderr.write(`Seed ${seed} fails.\n`);
    throw error;
  }
  const now = performance.now();
  if (now >= until) break;
  if (now - told >= TELL_MS) {
    told = now;
    tell();
    // Signals are heard only between two turns.
    await new Promise((resolve) => setImmediate(resolve));
  }
  seed += 1;
}
finish();

function tell(): void {
  const took = Math.round((performance.now() - begun) / 1000);
  process.stdout.write(
    `${bodies} bodies of ${(bytes / 1e6).toFixed(0)} MB in ${took} s, no difference (seeds ${first} to ${seed})\n`,
  );
}

function finish(): never {
  tell();
  process.exit(0);
}
