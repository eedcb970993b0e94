import assert from "node:assert/strict";
import { test } from "node:test";
import { Ledger, lineText } from "./ledger.ts";

function lines(file: string, ...numbers: readonly number[]): { line: string }[] {
  return numbers.map((number) => ({ line: lineText({ file, number }, "padding") }));
}

test("a batch that comes again is stored once, and counted", () => {
  const ledger = new Ledger();
  ledger.store("a", lines("f0", 0, 1));
  ledger.store("a", lines("f0", 0, 1));
  assert.deepEqual([ledger.size, ledger.repeatedBatches, ledger.storedTwice, ledger.wrong], [2, 1, 0, []]);
});

test("a line that came under two ids is stored twice", () => {
  const ledger = new Ledger();
  ledger.store("a", lines("f0", 0, 1));
  ledger.store("b", lines("f0", 1, 2));
  assert.deepEqual([ledger.size, ledger.storedTwice, ledger.disorder()], [3, 1, []]);
});

test("a batch that comes again with more than it had is told: a server would not store that", () => {
  const ledger = new Ledger();
  ledger.store("a", lines("f0", 0));
  ledger.store("a", lines("f0", 0, 1));
  assert.equal(ledger.has({ file: "f0", number: 1 }), false);
  assert.match(ledger.wrong[0] ?? "", /came again with a line that it had not: f0 1/);
});

test("the order is that of the ids, not of the arrivals, and for each file", () => {
  const ledger = new Ledger();
  ledger.store("b", [...lines("f0", 2, 3), ...lines("f1", 0)]);
  ledger.store("a", lines("f0", 0, 1));
  assert.deepEqual(ledger.disorder(), []);
  ledger.store("c", lines("f1", 2));
  ledger.store("d", lines("f1", 1));
  assert.deepEqual(ledger.disorder(), ["f1: 1 stands behind 2, in batch d"]);
  ledger.store("e", lines("f0", 6, 5));
  assert.equal(ledger.disorder().length, 2);
});

test("a line that nobody wrote is told, and an arrival that is waited for as well", async () => {
  const ledger = new Ledger();
  const arrival = ledger.arrival({ file: "f0", number: 7 }, 10_000);
  ledger.store("a", [{ line: "something else" }, ...lines("f0", 7)]);
  assert.equal(await arrival, true);
  assert.equal(await ledger.arrival({ file: "f0", number: 8 }, 1), false);
  assert.deepEqual(ledger.wrong, ['a line that nobody wrote: "something else"']);
});
