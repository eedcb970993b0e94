import assert from "node:assert/strict";
import { test } from "node:test";
import { OutOfTime, Patience } from "./patience.ts";

/** How long it lasts, in milliseconds. */
async function lasts(patience: Patience): Promise<number> {
  const begun = performance.now();
  await assert.rejects(patience.over, OutOfTime);
  return performance.now() - begun;
}

test("without progress it is over after the time-out", async () => {
  const patience = new Patience(40);
  const tookMs = await lasts(patience);
  assert.ok(tookMs > 35 && tookMs < 400, `${tookMs} ms`);
  assert.equal(patience.waitedMs, 40);
});

test("with progress all the time it is over after ten time-outs", async () => {
  const patience = new Patience(100);
  const timer = setInterval(() => patience.progress(), 5);
  const tookMs = await lasts(patience);
  clearInterval(timer);
  assert.ok(tookMs > 900 && tookMs < 1900, `${tookMs} ms`);
  assert.equal(patience.waitedMs, 1000);
});

test("for the answer to a large body it lasts longer, and ten time-outs at most", async () => {
  const large = new Patience(40);
  large.written(1024 * 1024);
  assert.equal(large.waitedMs, 160);
  assert.ok((await lasts(large)) > 150);
  const huge = new Patience(40);
  huge.written(1024 * 1024 * 1024);
  assert.equal(huge.waitedMs, 400);
  huge.end();
});

test("what is written after its end does not begin it anew", async () => {
  const patience = new Patience(30);
  patience.cut(new Error("stopping"));
  patience.progress();
  patience.written(1);
  await assert.rejects(patience.over, /stopping/);
});
