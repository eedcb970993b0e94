import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredLine, TailSkipped } from "@logdna-agent/protocol";
import { LiveTail } from "./live_tail.ts";

const lineOf = (line: string): StoredLine => ({
  id: "0.0.b",
  timestamp: 0,
  received: 0,
  host: "h",
  app: "a",
  file: "",
  level: "",
  env: "",
  tags: [],
  line,
  meta: "",
  label: {},
  annotation: {},
});

/** A viewer that is full after each event until `ready` is called; it keeps what it is sent. */
function slowViewer(tail: LiveTail): { events: [string, string][]; ready: () => void; end: () => void } {
  const events: [string, string][] = [];
  const subscription = tail.subscribe(() => true, {
    send(event, data) {
      events.push([event, data]);
      return false;
    },
  });
  return { events, ready: () => subscription.ready(), end: () => subscription.end() };
}

test("lines that wait are sent together once the viewer is ready, no sooner than after the interval", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tail = new LiveTail();
  const { events, ready } = slowViewer(tail);
  tail.publish([lineOf("1")]);
  tail.publish([lineOf("2")]);
  tail.publish([lineOf("3")]);
  assert.deepEqual(events, [["lines", JSON.stringify([lineOf("1")])]]);
  ready();
  t.mock.timers.tick(100);
  assert.deepEqual(events.slice(1), [["lines", JSON.stringify([lineOf("2"), lineOf("3")])]]);
});

test("of more lines than may wait, the newest are kept, and the number of the others is told first", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tail = new LiveTail();
  const { events, ready } = slowViewer(tail);
  tail.publish([lineOf("first")]);
  for (let n = 0; n < 25_000; n += 100) tail.publish(Array.from({ length: 100 }, (_, m) => lineOf(String(n + m))));
  ready();
  t.mock.timers.tick(100);
  const [, [skipped, count] = [], [, data = ""] = []] = events;
  assert.equal(skipped, "skipped");
  const lines = JSON.parse(data) as StoredLine[];
  assert.equal((JSON.parse(count ?? "") as TailSkipped).count + lines.length, 25_000);
  assert.deepEqual(
    lines.map(({ line }) => Number(line)),
    Array.from({ length: lines.length }, (_, n) => 25_000 - lines.length + n),
  );
});

test("what waits is bounded in bytes too: few long lines are as much as many short ones", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tail = new LiveTail();
  const { events, ready } = slowViewer(tail);
  tail.publish([lineOf("first")]);
  const long = "x".repeat(10_000_000);
  for (let n = 0; n < 100; n += 1) tail.publish([lineOf(`${n} ${long}`)]);
  ready();
  t.mock.timers.tick(100);
  const [, [, count] = [], [, data = ""] = []] = events;
  assert.ok(data.length < 50_000_000, `${data.length} bytes`);
  const lines = JSON.parse(data) as StoredLine[];
  assert.equal((JSON.parse(count ?? "") as TailSkipped).count + lines.length, 100);
  assert.ok(lines.at(-1)?.line.startsWith("99 "));
});

test("a viewer that has gone is sent nothing more and is not counted", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tail = new LiveTail();
  const { events, ready, end } = slowViewer(tail);
  tail.publish([lineOf("1")]);
  tail.publish([lineOf("2")]);
  ready();
  end();
  tail.publish([lineOf("3")]);
  t.mock.timers.tick(100);
  assert.equal(events.length, 1);
  assert.equal(tail.viewers, 0);
});
