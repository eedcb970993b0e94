import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { EncodedBody } from "../batch/encoder.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { CodingSender } from "./coding_sender.ts";
import { ServerCoding } from "./server_coding.ts";
import type { Answer } from "./transport.ts";
import { TransportError } from "./transport_error.ts";

const TEXT = '{"lines":[{"line":"text"}]}';
const ANNOUNCED = { status: 200, acceptEncoding: "gzip, zstd" };
const SIGNAL = new AbortController().signal;

interface Sent {
  readonly id: string;
  readonly attempt: number;
  readonly coding: string | undefined;
}

/** A sender in front of a server that answers as it is told, a coding that it follows, and a clock. */
function agentOf(compression: "auto" | "gzip" | "zstd" = "auto") {
  const sent: Sent[] = [];
  const events: AgentEvent[] = [];
  let now = 0;
  let answer: (sent: Sent) => Partial<Answer> | TransportError = () => ANNOUNCED;
  const coding = new ServerCoding({ compression, emit: (event) => events.push(event), now: () => now });
  const inner = async (id: string, attempt: number, { encoding, bytes, plainSize }: EncodedBody): Promise<Answer> => {
    if (encoding === "gzip") assert.equal(gunzipSync(bytes).toString(), TEXT);
    assert.equal(plainSize, TEXT.length);
    const request = { id, attempt, coding: encoding };
    sent.push(request);
    const given = answer(request);
    if (given instanceof TransportError) throw given;
    return { status: 200, text: "", retryAfterMs: undefined, ...given };
  };
  const sender = new CodingSender({ send: inner }, coding);
  return {
    sent,
    events,
    coding,
    /** What is sent from now on is answered so. */
    answers(next: typeof answer): void {
      answer = next;
    },
    pass(ms: number): void {
      now += ms;
    },
    /** A body as it is made now. */
    body: (): EncodedBody => bodyIn(coding.now),
    send: (id: string, attempt: number, body: EncodedBody) => sender.send(id, attempt, body, SIGNAL),
    /** Sends a new body until it is accepted. */
    async deliver(id: string): Promise<void> {
      const body = bodyIn(coding.now);
      for (let attempt = 1; ; attempt += 1) {
        try {
          if ((await sender.send(id, attempt, body, SIGNAL)).status === 200) return;
        } catch (error) {
          assert.ok(error instanceof TransportError);
        }
      }
    },
    codings: () => sent.map(({ id, attempt, coding: of }) => `${id} ${attempt} ${of}`),
  };
}

function bodyIn(encoding: "gzip" | "zstd"): EncodedBody {
  const bytes = encoding === "zstd" ? zstdCompressSync(TEXT) : gzipSync(TEXT);
  return { bytes, encoding, plainSize: TEXT.length };
}

test("gzip is what the first body has, and zstd what the next have once an answer says that the server takes it", async () => {
  const { deliver, codings, coding, events } = agentOf();
  assert.equal(coding.now, "gzip");
  for (const id of ["a", "b", "c"]) await deliver(id);
  assert.deepEqual(codings(), ["a 1 gzip", "b 1 zstd", "c 1 zstd"]);
  assert.deepEqual(events, [{ name: "coding_changed", coding: "zstd" }]);
});

for (const [header, expected] of [
  [undefined, "gzip"],
  ["", "gzip"],
  ["gzip", "gzip"],
  ["*", "gzip"],
  ["zstd;q=0, gzip", "gzip"],
  ["gzip, zstd ; Q=0.000", "gzip"],
  ["xzstd, zstdx", "gzip"],
  ["gzip,ZSTD", "zstd"],
  ["zstd;q=0.5", "zstd"],
  ["gzip;q=0, zstd", "zstd"],
] as const)
  test(`a server that says ${header} gets ${expected}`, () => {
    const { coding } = agentOf();
    coding.hear(header);
    assert.equal(coding.now, expected);
  });

test("what is asked for alone is used whatever the server says", async () => {
  for (const compression of ["gzip", "zstd"] as const) {
    const { deliver, sent, answers } = agentOf(compression);
    await deliver("a");
    answers(() => ({ status: 200 }));
    await deliver("b");
    await deliver("c");
    assert.deepEqual(
      sent.map(({ coding }) => coding),
      [compression, compression, compression],
    );
  }
});

test("a server that stops to say that it takes zstd gets gzip, also what was made for it before", async () => {
  const { deliver, codings, answers, body, send } = agentOf();
  await deliver("a");
  const made = body();
  answers(() => ({ status: 200 }));
  await deliver("b");
  assert.equal((await send("c", 1, made)).status, 200);
  await deliver("d");
  assert.deepEqual(codings(), ["a 1 gzip", "b 1 zstd", "c 1 gzip", "d 1 gzip"]);
});

test("an answer that does not accept says nothing of codings", async () => {
  const { send, body, answers, coding } = agentOf();
  answers(() => ({ status: 503, acceptEncoding: "zstd" }));
  await send("a", 1, body());
  assert.equal(coding.now, "gzip");
  answers(() => ANNOUNCED);
  await send("a", 2, body());
  answers(() => ({ status: 503 }));
  await send("b", 1, body());
  assert.equal(coding.now, "zstd");
});

for (const status of [415, 400])
  test(`where zstd is answered ${status} and gzip is not, the same batch goes in gzip at once, and all do for ten minutes`, async () => {
    const { deliver, codings, answers, events, pass, coding, sent } = agentOf();
    await deliver("a");
    answers(({ coding: of }) => (of === "zstd" ? { status } : ANNOUNCED));
    for (const id of ["b", "c"]) await deliver(id);
    assert.deepEqual(codings(), ["a 1 gzip", "b 1 zstd", "b 2 gzip", "c 1 gzip"]);
    assert.deepEqual(events.slice(1), [{ name: "coding_refused", retryInMs: 600_000 }]);
    pass(599_999);
    assert.equal(coding.now, "gzip");
    pass(1);
    answers(() => ANNOUNCED);
    await deliver("d");
    assert.equal(sent.at(-1)?.coding, "zstd");
  });

test("lines that the server refuses in gzip as well are refused, and zstd is not blamed", async () => {
  const { deliver, send, body, answers, codings, events, coding } = agentOf();
  await deliver("a");
  answers(() => ({ status: 400 }));
  const refused = body();
  assert.equal((await send("b", 1, refused)).status, 400);
  assert.equal((await send("b", 2, refused)).status, 400);
  assert.deepEqual(codings().slice(1), ["b 1 zstd", "b 2 gzip", "b 2 gzip"]);
  answers(() => ANNOUNCED);
  assert.equal((await send("b", 3, refused)).status, 200);
  assert.equal(events.length, 1);
  assert.equal(coding.now, "zstd");
});

test("a refusal of zstd that came before all of it was written is told with the answer to gzip: its bytes may be in use", async () => {
  const { deliver, send, body, answers } = agentOf();
  await deliver("a");
  answers(({ coding }) => (coding === "zstd" ? { status: 415, isEarly: true } : ANNOUNCED));
  const answer = await send("b", 1, body());
  assert.deepEqual([answer.status, answer.isEarly], [200, true]);
});

test("what was under way together and is refused together is one refusal", async () => {
  const { deliver, send, body, answers, events } = agentOf();
  await deliver("a");
  answers(({ coding }) => (coding === "zstd" ? { status: 415 } : ANNOUNCED));
  await Promise.all(["b", "c", "d"].map((id) => send(id, 1, body())));
  assert.equal(events.filter(({ name }) => name === "coding_refused").length, 1);
});

test("an outage is not blamed on zstd, and what fell into it is sent again in gzip", async () => {
  const { deliver, send, body, answers, codings, events, coding } = agentOf();
  await deliver("a");
  const both = [body(), body()] as const;
  answers(() => new TransportError("ECONNRESET", "closed"));
  await assert.rejects(send("b", 1, both[0]));
  answers(() => ({ status: 503 }));
  assert.equal((await send("c", 1, both[1])).status, 503);
  answers(() => ANNOUNCED);
  await send("b", 2, both[0]);
  await send("c", 2, both[1]);
  await deliver("d");
  assert.deepEqual(codings().slice(1), ["b 1 zstd", "c 1 zstd", "b 2 gzip", "c 2 gzip", "d 1 zstd"]);
  assert.equal(events.length, 1);
  assert.equal(coding.now, "zstd");
});

test("where each body in zstd fails in whatever way, and each in gzip is accepted, gzip it is after two", async () => {
  const { deliver, answers, codings, events } = agentOf();
  await deliver("a");
  answers(({ coding }) => (coding === "zstd" ? new TransportError("TIMEOUT", "no answer") : ANNOUNCED));
  for (const id of ["b", "c", "d"]) await deliver(id);
  assert.deepEqual(codings(), ["a 1 gzip", "b 1 zstd", "b 2 gzip", "c 1 zstd", "c 2 gzip", "d 1 gzip"]);
  assert.equal(events.at(-1)?.name, "coding_refused");
});
