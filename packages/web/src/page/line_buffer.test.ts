import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoredLine } from "@logdna-agent/protocol";
import fc from "fast-check";
import { LineBuffer } from "./line_buffer.ts";

function line(id: number, chars = 0): StoredLine {
  return {
    id: String(id),
    timestamp: id,
    received: id,
    host: "",
    app: "",
    file: "",
    level: "",
    env: "",
    tags: [],
    line: "x".repeat(chars),
    meta: "",
    label: {},
    annotation: {},
  };
}

function held(buffer: LineBuffer): string[] {
  return Array.from({ length: buffer.length }, (_, i) => buffer.at(buffer.first + i)?.id ?? "missing");
}

describe("LineBuffer", () => {
  it("holds what a plain array would, with numbers that stay with their lines", () => {
    const actions = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 0, max: 12 }) }),
        fc.record({ kind: fc.constant("prepend" as const), count: fc.integer({ min: 0, max: 12 }) }),
        fc.record({ kind: fc.constant("clear" as const), count: fc.constant(0) }),
      ),
    );
    fc.assert(
      fc.property(actions, (list) => {
        const capacity = 10;
        const buffer = new LineBuffer(capacity, 1e9);
        let model: string[] = [];
        const numbers = new Map<string, number>();
        let next = 0;
        for (const { kind, count } of list) {
          const lines = Array.from({ length: count }, () => line(next++));
          const ids = lines.map(({ id }) => id);
          if (kind === "append") {
            const before = model.length;
            const dropped = lines.reduce((sum, each) => sum + buffer.append(each), 0);
            assert.equal(dropped, Math.max(0, before + count - capacity));
            model = [...model, ...ids].slice(-capacity);
          } else if (kind === "prepend") {
            // Of too many older lines the nearest ones are kept.
            const before = model.length;
            const dropped = buffer.prepend(lines);
            model = [...ids.slice(-capacity), ...model].slice(0, capacity);
            assert.equal(dropped, Math.max(0, before + Math.min(count, capacity) - capacity));
          } else {
            buffer.clear();
            model = [];
          }
          assert.deepEqual(held(buffer), model);
          for (const id of model) {
            const seq = buffer.find(id);
            assert.ok(seq !== undefined);
            assert.equal(seq, numbers.get(id) ?? seq);
            numbers.set(id, seq);
          }
        }
      }),
    );
  });

  it("bounds characters, but keeps one line however long", () => {
    const buffer = new LineBuffer(100, 10_000);
    for (let i = 0; i < 20; i++) buffer.append(line(i, 1800));
    assert.equal(buffer.length, 5);
    assert.equal(buffer.at(buffer.end - 1)?.id, "19");
    assert.ok(buffer.isFull);
    buffer.append(line(20, 50_000));
    assert.deepEqual(held(buffer), ["20"]);
  });

  it("knows nothing outside of what it holds", () => {
    const buffer = new LineBuffer(3, 1e9);
    for (let i = 0; i < 5; i++) buffer.append(line(i));
    assert.equal(buffer.at(buffer.first - 1), undefined);
    assert.equal(buffer.at(buffer.end), undefined);
    assert.equal(buffer.find("0"), undefined);
    assert.deepEqual(buffer.ids(), new Set(["2", "3", "4"]));
  });
});
