import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { KernelBody, type LineClosing } from "../src/mod.ts";
import { plainLines } from "../src/plain_lines.ts";
import { Random, randomRun } from "./random_runs.ts";

const PARTS = { head: '{"lines":[', opening: '{"line":"', tail: "]}" };
const ID_LENGTH = 44;
/** What is in its place until the end: as JSON, no line has this character. */
const NO_ID = "\u0001".repeat(ID_LENGTH);
const SIZES = [64, 300, 700, 5000, 70_000, 140_000, 300_000, 700_000] as const;
/** Of a thousand seeds, how many have a body of that size or less: small ones are fast to check, and find most. */
const WEIGHTS = [100, 400, 700, 960, 984, 993, 998, 1000] as const;
/** Bodies of one seed, at most: a kernel of their own each would take most of the time where they are small. */
const MANY = { below: 10_000, bodies: 32, few: 3 } as const;

/**
 * Builds the bodies of one seed and checks each: the text is what plain JavaScript makes of the same runs, it is JSON, and it is
 * what zlib unpacks.
 * @returns how many there were, with the bytes of their text.
 */
export function checkBodies(seed: number): { bodies: number; bytes: number } {
  const random = new Random(seed);
  const share = random.below(1000);
  const maxBody = SIZES[WEIGHTS.findIndex((weight) => share < weight)] ?? SIZES[0];
  const body = new KernelBody({ ...PARTS, maxBody, compress: true, tellsId: true });
  const bodies = 1 + random.below(maxBody < MANY.below ? MANY.bodies : MANY.few);
  let bytes = 0;
  for (let n = 0; n < bodies; n += 1) bytes += checkBody(body, maxBody, random);
  return { bodies, bytes };
}

function checkBody(body: KernelBody, maxBody: number, random: Random): number {
  const lines: string[] = [];
  let size = PARTS.head.length;
  const isNumbered = random.below(2) === 0;
  const id = "i".repeat(ID_LENGTH);
  for (let runs = random.below(12); runs > 0; runs -= 1) {
    const isSingle = random.below(8) === 0;
    const fields = `,"file":"${"f".repeat(random.size(random.below(20) === 0 ? 2000 : 60))}"}`;
    const closing = isNumbered ? numbered(fields, random) : ({ texts: [fields] } as const);
    const offset = random.size(2 ** 53 - maxBody);
    const run = randomRun(random, maxBody);
    const { lines: expected, starts, emptyBytes } = plainLines(run, isSingle);
    const more = expected.map((line, n) => `{"line":${line}${closing.texts.join(String(offset + (starts[n] ?? 0)))}`);
    const added = more.reduce((sum, line) => sum + line.length + 1, lines.length === 0 ? -1 : 0);
    const fits = more.length === 0 || size + added + PARTS.tail.length <= maxBody;
    assert.deepEqual(body.add(run, closing, isSingle, offset), fits ? { lines: more.length, emptyBytes } : undefined);
    if (!fits || more.length === 0) continue;
    for (const line of more) lines.push(isNumbered ? line.replace(NO_ID, id) : line);
    size += added;
  }
  const text = Buffer.from(`${PARTS.head}${lines.join(",")}${PARTS.tail}`, "latin1");
  const plainSize = body.end(id);
  assert.ok(body.text(plainSize).equals(text), "another text");
  assert.equal(JSON.parse(text.toString("utf8")).lines.length, lines.length);
  assert.ok(gunzipSync(body.compressed(plainSize)).equals(text), "another text after compression");
  body.begin(random.below(4) === 0);
  return plainSize;
}

/** Lines that tell where they begin, and sometimes the id of the body. */
function numbered(fields: string, random: Random): LineClosing {
  if (random.below(3) === 0) return { texts: [',"at":', fields] };
  return { texts: [`,"at":"`, `","id":"${NO_ID}","and":"`, `"${fields}`], idAt: 8 };
}
