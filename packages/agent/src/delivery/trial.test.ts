import assert from "node:assert/strict";
import { test } from "node:test";
import { Evidence, Trial } from "./trial.ts";

/** A server as it has answered so far. */
function server() {
  let now = 0;
  const evidence = new Evidence(() => now);
  return {
    evidence,
    accepts: (): void => evidence.accept(evidence.begin()),
    /** The line is sent alone and refused; whether it is given up. */
    refuses(trial: Trial): boolean {
      const [counts, witnessed] = [trial.counts, trial.isWitnessed];
      evidence.begin();
      return trial.refuse(counts, witnessed);
    },
    passes: (ms: number): void => {
      now += ms;
    },
  };
}

test("a line is given up at its third refusal with others accepted in between", () => {
  const { evidence, accepts, refuses } = server();
  const trial = new Trial(evidence);
  accepts();
  assert.equal(refuses(trial), false);
  accepts();
  assert.equal(refuses(trial), false);
  accepts();
  assert.equal(refuses(trial), true);
});

test("a line is never given up while nothing else is accepted, or was accepted only before its first refusal", () => {
  const { evidence, accepts, refuses } = server();
  accepts();
  const trial = new Trial(evidence);
  for (let n = 0; n < 1000; n += 1) assert.equal(refuses(trial), false);
});

test("a request that began before the refusal and is accepted after it shows nothing", () => {
  const { evidence, refuses } = server();
  const trial = new Trial(evidence);
  const early = evidence.begin();
  refuses(trial);
  evidence.accept(early);
  assert.equal(trial.isWitnessed, false);
  evidence.accept(evidence.begin());
  assert.equal(trial.isWitnessed, true);
});

test("on a quiet host a line that is singled out is given up at its fifth refusal, but not while others are refused too", () => {
  const { evidence, accepts, refuses } = server();
  const trial = new Trial(evidence);
  refuses(trial);
  accepts();
  assert.equal(refuses(trial), false);
  const stranger = new Trial(evidence);
  refuses(stranger);
  for (let n = 0; n < 100; n += 1) assert.equal(refuses(trial), false);
  accepts();
  assert.equal(refuses(stranger), false);
  // Now the other is singled out as well, and nothing stands in the way of either.
  assert.equal(refuses(trial), true);
  assert.deepEqual([refuses(stranger), refuses(stranger), refuses(stranger)], [false, false, true]);
});

test("where more than a few lines are refused and nothing is accepted, none is given up although each is singled out", () => {
  const { evidence, accepts, refuses } = server();
  const trials = Array.from({ length: 6 }, () => new Trial(evidence));
  for (const trial of trials) refuses(trial);
  accepts();
  for (let n = 0; n < 100; n += 1) for (const trial of trials) assert.equal(refuses(trial), false, `${n}`);
  accepts();
  assert.ok(trials.every((trial) => refuses(trial)));
});

test("refusals that proved wrong make for doubt, which ten minutes end, but not while nothing is accepted", () => {
  const { evidence, accepts, refuses, passes } = server();
  evidence.refusedWrongly();
  const trial = new Trial(evidence);
  refuses(trial);
  accepts();
  refuses(trial);
  passes(3_600_000);
  // Nothing else is refused, and nothing is accepted.
  for (let n = 0; n < 100; n += 1) assert.equal(refuses(trial), false);
  accepts();
  assert.equal(evidence.needed, 3);
  assert.equal(refuses(trial), true);
});

test("each refusal that proved wrong doubles what is needed, up to 24", () => {
  const { evidence } = server();
  const needed = [evidence.needed];
  for (let n = 0; n < 4; n += 1) {
    evidence.refusedWrongly();
    needed.push(evidence.needed);
  }
  assert.deepEqual(needed, [3, 6, 12, 24, 24]);
});

test("lines that were parted from others which were accepted do not stand in each other's way, however many", () => {
  const { evidence, accepts, refuses } = server();
  // Refused before the other half was accepted, or after it.
  const left = Array.from({ length: 50 }, () => new Trial(evidence, evidence.moment));
  for (const trial of left) {
    refuses(trial);
    accepts();
    trial.part();
  }
  const right = Array.from({ length: 50 }, () => {
    const trial = new Trial(evidence, evidence.begin());
    accepts();
    refuses(trial);
    return trial;
  });
  for (let n = 0; n < 4; n += 1) for (const trial of [...left, ...right]) refuses(trial);
  assert.ok([...left, ...right].every((trial) => trial.refusals >= 5));
});
