import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { KernelBody, KernelError } from "@logdna-agent/kernel";
import fc from "fast-check";
import type { AgentEvent } from "../telemetry/events.ts";
import { chooseEncoder, type EncoderChoice } from "./choose_encoder.ts";
import { type Coding, unpacked } from "./coding.ts";
import type { BodyEncoder, EncodedBody } from "./encoder.ts";
import { JsonEncoder, type JsonEncoderOptions } from "./json_encoder.ts";
import { KernelEncoder } from "./kernel_encoder.ts";
import { logdnaForm, otlpForm } from "./kernel_forms.ts";
import { OtlpEncoder } from "./otlp_encoder.ts";
import { OtlpFormat } from "./otlp_format.ts";

const context = { file: '/var/log/ä "x" $& $$.log', timestamp: 1_700_000_000_000 };

function plain(body: EncodedBody): string {
  const bytes = unpacked(body);
  assert.equal(bytes.length, body.plainSize);
  return bytes.toString("latin1");
}

function unexpected(reason: string): void {
  assert.fail(reason);
}

function kernelEncoder(options: JsonEncoderOptions): KernelEncoder {
  return new KernelEncoder({ ...options, onFailure: unexpected }, logdnaForm(options));
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
      const encoder = kernelEncoder(options);
      for (const step of [...all, "finish" as const]) {
        assert.equal(encoder.empty, expected.empty);
        if (step === "finish") {
          const [one, other] = [await encoder.finish(), await expected.finish()];
          assert.equal(plain(one), plain(other));
          assert.equal(one.encoding, other.encoding);
        } else {
          const [run, times, given] = step;
          const long = Buffer.concat(Array.from({ length: times }, () => run));
          assert.deepEqual(encoder.add(long, given, 0), expected.add(long, given));
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test("so it is for OTLP, where each line tells its offset and the id of the batch", async () => {
  const format = new OtlpFormat({ hostname: "hôst", ip: undefined, mac: undefined, tags: ["ä"], version: "1" });
  const sizes = fc.constantFrom(600, 3000, 100_000);
  const sources = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 2 ** 50 })), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom(0, 2), steps, sources, async (maxBody, gzipLevel, all, from) => {
      const options = { maxBody, gzipLevel, format };
      const expected = new OtlpEncoder(options);
      const encoder = new KernelEncoder({ ...options, onFailure: unexpected }, otlpForm(options));
      for (const [n, step] of [...all, "finish" as const].entries()) {
        assert.equal(encoder.empty, expected.empty);
        if (step === "finish") {
          const id = n % 5 === 0 ? undefined : `0m0000000-abcdefghijk${n % 10}`;
          const [one, other] = [await encoder.finish(id), await expected.finish(id)];
          assert.equal(plain(one), plain(other));
          assert.equal(one.encoding, other.encoding);
        } else {
          const [run, times, given] = step;
          const [source, offset] = from[n % from.length] ?? [0, 0];
          const long = Buffer.concat(Array.from({ length: times }, () => run));
          const context = { ...given, source };
          assert.deepEqual(encoder.add(long, context, offset), expected.add(long, context, offset));
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test("a body gets the coding of the moment at which it is finished, and another one never loses or changes a line", async () => {
  let coding: Coding = "gzip";
  const options = { maxBody: 1 << 20, gzipLevel: 2, codingNow: (): Coding => coding };
  const run = Buffer.from('GET /items/7 "ok"\n'.repeat(10_000));
  for (const encoder of [kernelEncoder(options), new JsonEncoder(options)]) {
    const bodies: EncodedBody[] = [];
    // A body is begun under the coding that the one before it was finished under.
    for (const ended of ["gzip", "zstd", "zstd", "gzip", "gzip"] as const) {
      assert.equal(encoder.add(run, context, 0)?.lines, 10_000);
      coding = ended;
      bodies.push(await encoder.finish());
    }
    assert.deepEqual(
      bodies.map(({ encoding }) => encoding),
      ["gzip", "zstd", "zstd", "gzip", "gzip"],
    );
    for (const body of bodies) assert.equal(plain(body), plain(bodies[0] as EncodedBody));
    encoder.add(Buffer.from("short\n"), context, 0);
    assert.equal((await encoder.finish()).encoding, undefined);
    coding = "gzip";
  }
});

test("many files take turns in bodies of full size", async () => {
  const options = { maxBody: 2 * 1024 * 1024, gzipLevel: 2 };
  const expected = new JsonEncoder(options);
  const encoder = kernelEncoder(options);
  for (let body = 0; body < 3; body += 1) {
    for (let n = 0; ; n += 1) {
      const run = Buffer.from(`GET /items/${n} "ok" ${"é\\".repeat(n % 50)}\n`.repeat(1 + (n % 40)));
      const given = { file: `/var/log/${n % 500}.log`, timestamp: context.timestamp + n };
      const added = encoder.add(run, given, 0);
      assert.deepEqual(added, expected.add(run, given));
      if (added === undefined) break;
    }
    assert.equal(plain(await encoder.finish()), plain(await expected.finish()));
  }
});

test("a body that waits does not change when the next are filled, nor when a long line makes the kernel's memory grow", async () => {
  const encoder = kernelEncoder({ maxBody: 4 << 20, gzipLevel: 1 });
  encoder.add(Buffer.from(`${"first ".repeat(200)}\n`), context, 0);
  const first = await encoder.finish();
  const before = Buffer.from(first.bytes);
  encoder.add(Buffer.from(`${"second ".repeat(500_000)}\n`), context, 0);
  const second = await encoder.finish();
  assert.match(plain(second), /second/);
  assert.deepEqual(first.bytes, before);
});

test("a body of what cannot be compressed is hardly larger than what it holds", async () => {
  const encoder = kernelEncoder({ maxBody: 2 * 1024 * 1024, gzipLevel: 2 });
  const line = Buffer.alloc(1_000_000);
  let state = 1;
  // Letters of base64 without an order, twice six bits of which take a byte and a half.
  for (let at = 0; at < line.length; at += 1) {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    line[at] = 48 + ((state >>> 16) & 63);
    if (line[at] === 92) line[at] = 47;
  }
  encoder.add(line, context, 0);
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
      const encoder: BodyEncoder = new KernelEncoder(options, logdnaForm(options), new FailingBody(fails, works));
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
  const of = (encoder: "auto" | "kernel" | "zlib", gzipLevel: number, more: Partial<EncoderChoice> = {}): BodyEncoder =>
    chooseEncoder({ encoder, maxBody: 1 << 16, gzipLevel, ...more }, emit);
  const otlp = new OtlpFormat({ hostname: "h", ip: undefined, mac: undefined, tags: [], version: "1" });
  assert.ok(of("auto", 2) instanceof KernelEncoder);
  assert.ok(of("auto", 0) instanceof KernelEncoder);
  assert.ok(of("auto", 9) instanceof JsonEncoder);
  assert.ok(of("kernel", 9) instanceof KernelEncoder);
  assert.ok(of("zlib", 2) instanceof JsonEncoder);
  assert.ok(of("auto", 2, { otlp }) instanceof KernelEncoder);
  assert.ok(of("zlib", 2, { otlp }) instanceof OtlpEncoder);
  assert.deepEqual(
    events,
    ["kernel", "kernel", "zlib", "kernel", "zlib", "kernel", "zlib"].map((encoder) => ({
      name: "encoder_chosen",
      encoder,
    })),
  );
  events.length = 0;
  const failing = (): never => {
    throw new KernelError("it writes another text");
  };
  assert.ok(chooseEncoder({ encoder: "kernel", maxBody: 4096, gzipLevel: 2 }, emit, failing) instanceof JsonEncoder);
  assert.deepEqual(events, [
    { name: "kernel_failed", reason: "it writes another text" },
    { name: "encoder_chosen", encoder: "zlib" },
  ]);
});
