import assert from "node:assert/strict";
import { test } from "node:test";
import { exposition } from "./exposition.ts";

test("a metric is its help, its type and a line for each number", () => {
  const samples = [
    { labels: { layer: "mounts" }, value: 1 },
    { labels: { layer: "seccomp" }, value: 0 },
  ];
  const text = exposition([
    { name: "a_total", help: "All of it.", type: "counter", samples: [{ value: 12 }] },
    { name: "layer", help: "One layer.", type: "gauge", samples },
  ]);
  assert.equal(
    text,
    [
      "# HELP a_total All of it.",
      "# TYPE a_total counter",
      "a_total 12",
      "# HELP layer One layer.",
      "# TYPE layer gauge",
      'layer{layer="mounts"} 1',
      'layer{layer="seccomp"} 0',
      "",
    ].join("\n"),
  );
});

test("nothing in a text can end its line or its quotes", () => {
  const evil = 'a"} 1\nb \\';
  const [help, , sample, ...rest] = exposition([
    { name: "x", help: evil, type: "gauge", samples: [{ labels: { of: evil, to: "" }, value: 2 }] },
  ]).split("\n");
  assert.equal(help, '# HELP x a"} 1\\nb \\\\');
  assert.equal(sample, 'x{of="a\\"} 1\\nb \\\\",to=""} 2');
  assert.deepEqual(rest, [""]);
});

test("numbers are written as Go reads them", () => {
  const values = [0, -1, 0.0001, 1e21, 1e-7, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  const samples = values.map((value) => ({ value }));
  const lines = exposition([{ name: "x", help: "", type: "gauge", samples }])
    .trimEnd()
    .split("\n")
    .slice(2);
  assert.deepEqual(lines, ["x 0", "x -1", "x 0.0001", "x 1e+21", "x 1e-7", "x +Inf", "x -Inf", "x NaN"]);
});
