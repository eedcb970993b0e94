import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { KernelBody, selfTest } from "../src/mod.ts";
import { checkBodies } from "./check_body.ts";
import { DeflateChecker } from "./check_deflate.ts";

/** `npm run fuzz` goes on from here. */
const SEEDS = 2000;
const PARTS = { head: '{"lines":[', opening: '{"line":"', tail: "]}" };
const FIELDS = ',"file":"x"}';
const CLOSING = { texts: [FIELDS] } as const;

test(`the bodies of ${SEEDS} random sequences of runs are JSON, have the lines of the runs, and are unpacked by zlib`, () => {
  each(SEEDS, checkBodies);
});

test(`${2 * SEEDS} random texts, whatever bytes they have, are unpacked by zlib, and never take more room than they may`, () => {
  const deflate = new DeflateChecker();
  each(2 * SEEDS, (seed) => deflate.check(seed));
});

test("a body is filled to its last byte, and not beyond", () => {
  for (const maxBody of [70, 600, 100_000]) {
    const around = PARTS.head.length + PARTS.opening.length + 1 + FIELDS.length + PARTS.tail.length;
    for (const ending of ["", "\n", "\r\n"]) {
      const body = new KernelBody({ ...PARTS, maxBody, compress: true });
      const line = "x".repeat(maxBody - around);
      assert.equal(body.add(Buffer.from(`${line}x${ending}`), CLOSING, false), undefined);
      assert.equal(body.add(Buffer.from(`${line.slice(1)}"${ending}`), CLOSING, false), undefined);
      assert.deepEqual(body.add(Buffer.from(line + ending), CLOSING, false), { lines: 1, emptyBytes: 0 });
      assert.equal(body.end(), maxBody);
      assert.equal(JSON.parse(gunzipSync(body.compressed(maxBody)).toString()).lines[0].line, line);
    }
  }
});

test("what the kernel is, it proves at the start", () => {
  assert.doesNotThrow(selfTest);
});

function each(count: number, check: (seed: number) => unknown): void {
  for (let seed = 0; seed < count; seed += 1) {
    try {
      check(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}
