import assert from "node:assert/strict";
import { test } from "node:test";
import { steadyTimer } from "./steady_timer.ts";

test("what is called as often is called by one timer, until each is stopped", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const timers = t.mock.method(globalThis, "setInterval");
  const calls: string[] = [];
  const first = steadyTimer(1000, () => calls.push("first"));
  t.mock.timers.tick(600);
  const second = steadyTimer(1000, () => {
    calls.push("second");
    second.stop();
  });
  t.mock.timers.tick(400);
  assert.deepEqual(calls, ["first", "second"]);
  assert.equal(timers.mock.callCount(), 1);
  t.mock.timers.tick(1000);
  assert.deepEqual(calls, ["first", "second", "first"]);
  first.stop();
  first.stop();
  t.mock.timers.tick(5000);
  assert.equal(calls.length, 3);
  steadyTimer(1000, () => calls.push("third"));
  t.mock.timers.tick(1000);
  assert.equal(calls.length, 4);
});
