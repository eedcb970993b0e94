import { test } from "node:test";
import { checkBodies } from "./check_body.ts";

/** `npm run fuzz` goes on from here. */
const SEEDS = 2000;

test(`the bodies of ${SEEDS} random sequences of runs are JSON, have the lines of the runs, and are unpacked by zlib`, () => {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    try {
      checkBodies(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
