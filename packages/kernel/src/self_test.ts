import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { type Added, KernelBody, type LineClosing } from "./body.ts";
import { KernelError } from "./kernel.ts";
import { plainLines } from "./plain_lines.ts";

const PARTS = { head: '{"lines":[', opening: '{"line":"', tail: "]}" };
/** What stands behind lines; and what does where they tell their offsets and the id of the body. */
const CLOSING: LineClosing = { texts: [',"n":1}'] };
const NUMBERED: LineClosing = { texts: [',"at":', `,"id":"--------","file":"${"f".repeat(40)}","and":`, "}"], idAt: 7 };
const ID = "identity";
/** Samples that are built with both: what stands behind lines does not depend on what they hold. */
const SHORT: ReadonlySet<string> = new Set(["a line", "log lines", "each byte"]);
/** Where the first run of a body begins in its file. */
const OFFSET = 9_999_990;
const MAX_BODY = 512 * 1024;

/**
 * Builds a few bodies and compares each with what plain JavaScript makes of the same lines and zlib unpacks: all escapes,
 * ill-formed UTF-8, what is repeated from near and far, what cannot be compressed, several portions. Takes a few milliseconds.
 * @throws {KernelError} when anything is other than it must be. The message says what.
 */
export function selfTest(): void {
  const body = new KernelBody({ ...PARTS, maxBody: MAX_BODY, compress: true, tellsId: true });
  for (const [name, runs] of Object.entries(samples()))
    for (const closing of SHORT.has(name) ? [CLOSING, NUMBERED] : [CLOSING]) {
      const lines: string[] = [];
      let offset = OFFSET;
      for (const run of runs) {
        const expected = plainLines(run, false);
        const added = body.add(run, closing, false, offset);
        if (!isSame(added, expected)) throw new KernelError(`it counts other lines than there are (${name})`);
        for (const [n, line] of expected.lines.entries())
          lines.push(`{"line":${line}${closedBy(closing, offset + (expected.starts[n] ?? 0))}`);
        offset += run.length;
      }
      const text = Buffer.from(`{"lines":[${lines.join(",")}]}`, "latin1");
      const size = body.end(ID);
      if (!body.text(size).equals(text)) throw new KernelError(`it writes another text than JSON.stringify (${name})`);
      if (!unpacked(body.compressed(size), name).equals(text))
        throw new KernelError(`what it compresses is another text when it is unpacked (${name})`);
      body.begin();
    }
}

/** What stands behind a line that begins there. */
function closedBy({ texts }: LineClosing, start: number): string {
  return texts.join(String(start)).replace("-".repeat(ID.length), ID);
}

function isSame(added: Added | undefined, expected: ReturnType<typeof plainLines>): boolean {
  return added?.lines === expected.lines.length && added.emptyBytes === expected.emptyBytes;
}

function unpacked(bytes: Buffer, name: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: 2 * MAX_BODY });
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    throw new KernelError(`what it compresses cannot be unpacked (${name}: ${message})`);
  }
}

/** Runs by what they are to show. */
function samples(): Record<string, Buffer[]> {
  const random = randomBytes(0x2545f491);
  const letters = Buffer.from(random(30_000).map((byte) => 0x20 + (byte & 0x3f)));
  const logs = Array.from({ length: 600 }, (_, n) => {
    const [a = 0, b = 0] = random(2);
    return `2026-01-02T03:04:${n % 60}.${a} "GET /items/${b * a}" C:\\dir\\${b}\t${"ok ".repeat(b & 15)}\u001b[0m ä€😀\r\n\n`;
  });
  return {
    nothing: [Buffer.alloc(0)],
    "a line": [Buffer.from("x\n")],
    "log lines": logs.map((line) => Buffer.from(line)),
    "log lines at once": [Buffer.from(logs.join(""))],
    "each byte": [Buffer.from(Array.from({ length: 512 }, (_, n) => [n >> 1, n & 1 ? 10 : 65, 195]).flat())],
    "what is random": [random(20_000)],
    "random letters": [letters, letters.subarray(0, 20_000)],
    "one line again and again": [Buffer.from(`${"a".repeat(3000)}\n`.repeat(60))],
  };
}

/** Bytes that are the same each time, of Marsaglia's xorshift. */
function randomBytes(seed: number): (count: number) => Buffer {
  let state = seed;
  return (count) => {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; at += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes[at] = state;
    }
    return bytes;
  };
}
