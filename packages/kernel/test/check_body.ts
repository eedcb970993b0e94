import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { KernelBody } from "../src/mod.ts";
import { plainLines } from "../src/plain_lines.ts";
import { Random, randomRun } from "./random_runs.ts";

const PARTS = { head: '{"lines":[', opening: '{"line":"', tail: "]}" };
const SIZES = [64, 300, 700, 5000, 70_000, 140_000, 300_000, 700_000] as const;
/** Small bodies are fast to check, and so there are more of them. */
const WEIGHTS = [8, 24, 40, 64, 84, 92, 97, 100] as const;

/**
 * Builds the bodies of one seed and checks each: the text is what plain JavaScript makes of the same runs, it is JSON, and it is
 * what zlib unpacks.
 * @returns how many there were, with the bytes of their text.
 */
export function checkBodies(seed: number): { bodies: number; bytes: number } {
  const random = new Random(seed);
  const share = random.below(100);
  const maxBody = SIZES[WEIGHTS.findIndex((weight) => share < weight)] ?? SIZES[0];
  const body = new KernelBody({ ...PARTS, maxBody, compress: true });
  const bodies = 1 + random.below(4);
  let bytes = 0;
  for (let n = 0; n < bodies; n += 1) bytes += checkBody(body, maxBody, random);
  return { bodies, bytes };
}

function checkBody(body: KernelBody, maxBody: number, random: Random): number {
  const lines: string[] = [];
  let size = PARTS.head.length;
  for (let runs = random.below(12); runs > 0; runs -= 1) {
    const isSingle = random.below(8) === 0;
    const fields = `,"file":"${"f".repeat(random.size(random.below(20) === 0 ? 2000 : 60))}"}`;
    const run = randomRun(random, maxBody);
    const expected = plainLines(run, isSingle);
    const more = expected.lines.map((line) => `{"line":${line}${fields}`);
    const added = more.reduce((sum, line) => sum + line.length + 1, lines.length === 0 ? -1 : 0);
    const fits = more.length === 0 || size + added + PARTS.tail.length <= maxBody;
    const { emptyBytes } = expected;
    assert.deepEqual(body.add(run, fields, isSingle), fits ? { lines: more.length, emptyBytes } : undefined);
    if (!fits || more.length === 0) continue;
    for (const line of more) lines.push(line);
    size += added;
  }
  const text = Buffer.from(`${PARTS.head}${lines.join(",")}${PARTS.tail}`, "latin1");
  const plainSize = body.end();
  assert.ok(body.text(plainSize).equals(text), "another text");
  assert.equal(JSON.parse(text.toString("utf8")).lines.length, lines.length);
  assert.ok(gunzipSync(body.compressed(plainSize)).equals(text), "another text after compression");
  body.begin();
  return plainSize;
}
