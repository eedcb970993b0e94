import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { KernelBody, KernelError } from "@logdna-agent/kernel";
import fc from "fast-check";
import type { AgentEvent } from "../telemetry/events.ts";
import { chooseEncoder } from "./choose_encoder.ts";
import type { BodyEncoder, EncodedBody } from "./encoder.ts";
import { JsonEncoder } from "./json_encoder.ts";
import { KernelEncoder } from "./kernel_encoder.ts";

const context = { file: '/var/log/ä "x" $& $$.log', timestamp: 1_700_000_000_000 };

function plain(body: EncodedBody): string {
  const bytes = body.encoding === "gzip" ? gunzipSync(body.bytes) : body.bytes;
  assert.equal(bytes.length, body.plainSize);
  return bytes.toString("latin1");
}

function unexpected(reason: string): void {
  assert.fail(reason);
}

/** Bytes that are likely to be wrong: line ends, what is escaped, parts of UTF-8 sequences. */
const byte = fc.oneof(
  fc.constantFrom(10, 10, 13, 34, 44, 92, 0, 0x1f, 0x7f, 0xc3, 0xa9, 0xff, 0xed, 0xa0, 0xf0, 0x9f, 0x98, 0x80),
  fc.nat({ max: 255 }),
);
const bytes = fc.array(byte, { maxLength: 120 }).map((values) => Buffer.from(values));
const text = fc.string({ unit: "binary", maxLength: 8 });
const fields = fc.record({ app: text, host: text, tags: fc.array(text), meta: fc.dictionary(text, fc.jsonValue()) });
const contexts = fc.record(
  {
    file: text,
    timestamp: fc.nat(),
    fields: fc.option(fields, { nil: undefined }),
    meta: fc.constant('{"line_part":1}'),
    single: fc.boolean(),
  },
  { requiredKeys: ["file", "timestamp"] },
);
/** Runs with what they are of, or the end of a body. */
const steps = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.tuple(bytes, fc.nat({ max: 30 }), contexts) },
    { weight: 1, arbitrary: fc.constant("finish" as const) },
  ),
  { maxLength: 40 },
);

test("whatever is added, bodies have the same text as those of the plain encoder, and are cut at the same places", async () => {
  const sizes = fc.constantFrom(64, 200, 600, 3000, 100_000);
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom(0, 2), steps, async (maxBody, gzipLevel, all) => {
      const options = { maxBody, gzipLevel };
      const expected = new JsonEncoder(options);
      const encoder = new KernelEncoder({ ...options, onFailure: unexpected });
      for (const step of [...all, "finish" as const]) {
        assert.equal(encoder.empty, expected.empty);
        if (step === "finish") {
          const [one, other] = [await encoder.finish(), await expected.finish()];
          assert.equal(plain(one), plain(other));
          assert.equal(one.encoding, other.encoding);
        } else {
          const [run, times, given] = step;
          const long = Buffer.concat(Array.from({ length: times }, () => run));
          assert.deepEqual(encoder.add(long, given), expected.add(long, given));
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test("many files take turns in bodies of full size", async () => {
  const options = { maxBody: 2 * 1024 * 1024, gzipLevel: 2 };
  const expected = new JsonEncoder(options);
  const encoder = new KernelEncoder({ ...options, onFailure: unexpected });
  for (let body = 0; body < 3; body += 1) {
    for (let n = 0; ; n += 1) {
      const run = Buffer.from(`GET /items/${n} "ok" ${"é\\".repeat(n % 50)}\n`.repeat(1 + (n % 40)));
      const given = { file: `/var/log/${n % 500}.log`, timestamp: context.timestamp + n };
      const added = encoder.add(run, given);
      assert.deepEqual(added, expected.add(run, given));
      if (added === undefined) break;
    }
    assert.equal(plain(await encoder.finish()), plain(await expected.finish()));
  }
});

test("a body that waits does not change when the next are filled, nor when a long line makes the kernel's memory grow", async () => {
  const encoder = new KernelEncoder({ maxBody: 4 << 20, gzipLevel: 1, onFailure: unexpected });
  encoder.add(Buffer.from(`${"first ".repeat(200)}\n`), context);
  const first = await encoder.finish();
  const before = Buffer.from(first.bytes);
  encoder.add(Buffer.from(`${"second ".repeat(500_000)}\n`), context);
  const second = await encoder.finish();
  assert.match(plain(second), /second/);
  assert.deepEqual(first.bytes, before);
});

test("a body of what cannot be compressed is hardly larger than what it holds", async () => {
  const encoder = new KernelEncoder({ maxBody: 2 * 1024 * 1024, gzipLevel: 2, onFailure: unexpected });
  const line = Buffer.alloc(1_000_000);
  let state = 1;
  // Letters of base64 without an order, twice six bits of which take a byte and a half.
  for (let at = 0; at < line.length; at += 1) {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    line[at] = 48 + ((state >>> 16) & 63);
    if (line[at] === 92) line[at] = 47;
  }
  encoder.add(line, context);
  const body = await encoder.finish();
  assert.ok(plain(body).includes(line.toString("latin1")));
  assert.ok(body.bytes.length < body.plainSize, `${body.bytes.length} bytes of ${body.plainSize}`);
});

/** A kernel that does its work so many times. */
class FailingBody extends KernelBody {
  #left: number;
  readonly #fails: "add" | "compressed";

  constructor(fails: "add" | "compressed", left: number, maxBody = 1 << 16) {
    super({ head: '{"lines":[', opening: '{"line":"', tail: "]}", maxBody, compress: true });
    this.#fails = fails;
    this.#left = left;
  }

  override add(...args: Parameters<KernelBody["add"]>): ReturnType<KernelBody["add"]> {
    if (this.#fails === "add") this.#work();
    return super.add(...args);
  }

  override compressed(size: number): Buffer {
    if (this.#fails === "compressed") this.#work();
    return super.compressed(size);
  }

  #work(): void {
    if (this.#left === 0) throw new Error("memory access out of bounds");
    this.#left -= 1;
  }
}

for (const fails of ["add", "compressed"] as const)
  for (const works of [0, 1, 2])
    test(`when the kernel fails in its work (${fails}, after ${works} times), it is told once and nothing is lost`, async () => {
      const reasons: string[] = [];
      const options = { maxBody: 1 << 16, gzipLevel: 2, onFailure: (reason: string) => void reasons.push(reason) };
      const encoder: BodyEncoder = new KernelEncoder(options, new FailingBody(fails, works));
      const lines: string[] = [];
      const finish = async (): Promise<void> => {
        for (const { line } of JSON.parse(plain(await encoder.finish())).lines) lines.push(line);
      };
      const given = Array.from({ length: 9 }, (_, n) => `line ${n} ${"x".repeat(600)}`);
      for (const [n, line] of given.entries()) {
        const run = Buffer.from(`${line}\n`);
        if (encoder.add(run, context, 0) === undefined) {
          await finish();
          assert.deepEqual(encoder.add(run, context, 0), { lines: 1, emptyBytes: 0 });
        }
        if (n % 3 === 2) await finish();
      }
      assert.deepEqual(lines, given);
      assert.deepEqual(reasons, ["memory access out of bounds"]);
    });

test("the kernel is used unless it does not prove itself, zlib is asked for, or a level that it does not reach", () => {
  const events: AgentEvent[] = [];
  const emit = (event: AgentEvent): void => void events.push(event);
  const of = (encoder: "auto" | "kernel" | "zlib", gzipLevel: number, test?: () => void): BodyEncoder =>
    chooseEncoder({ encoder, maxBody: 4096, gzipLevel }, emit, test);
  assert.ok(of("auto", 2) instanceof KernelEncoder);
  assert.ok(of("auto", 0) instanceof KernelEncoder);
  assert.ok(of("auto", 9) instanceof JsonEncoder);
  assert.ok(of("kernel", 9) instanceof KernelEncoder);
  assert.ok(of("zlib", 2) instanceof JsonEncoder);
  assert.deepEqual(events, []);
  const failing = (): never => {
    throw new KernelError("it writes another text");
  };
  assert.ok(of("kernel", 2, failing) instanceof JsonEncoder);
  assert.deepEqual(events, [{ name: "kernel_failed", reason: "it writes another text" }]);
});
