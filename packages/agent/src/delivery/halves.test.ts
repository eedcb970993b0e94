import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, halve, linesOf } from "./halves.ts";

const line = (file: string, text: string): { file: string; line: string } => ({ file, line: text });

test("a body is cut into the same halves in whatever order its files were read, each file's lines in theirs", () => {
  const [a1, a2, a3] = ["1", "2", "3"].map((text) => line("/a", text)) as [object, object, object];
  const b = line("/b", "1");
  const plain = { encoding: undefined } as const;
  const orders = [
    [a1, b, a2, a3],
    [b, a1, a2, a3],
    [a1, a2, a3, b],
  ];
  const cut = orders.map((lines) => halve(bodyOf(lines as Record<string, unknown>[], plain).body) ?? []);
  for (const halves of cut)
    assert.deepEqual(
      halves.map(({ print }) => print),
      cut[0]?.map(({ print }) => print),
    );
  assert.deepEqual(
    cut[0]?.flatMap(({ body }) => linesOf(body)),
    [a1, a2, a3, b],
  );
});
