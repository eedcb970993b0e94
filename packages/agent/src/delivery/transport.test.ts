import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { getEventListeners } from "node:events";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Act, bodyOfSize, hostile, TIMEOUT_MS } from "../../test/hostile.ts";
import type { Answer } from "./transport.ts";
import { TransportError } from "./transport_error.ts";

const BODY = { bytes: Buffer.from('{"lines":[]}'), encoding: undefined, plainSize: 12 } as const;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n";

/** Writes without end, as fast as the other side reads. */
function forever(text: string, head = ""): Act {
  const block = text.repeat(1 + 65_536 / text.length);
  return (socket) => {
    const more = (): void => {
      if (socket.destroyed) return;
      if (socket.write(block)) setImmediate(more);
      else socket.once("drain", more);
    };
    socket.write(head);
    more();
  };
}

/** Writes a little again and again, so that the connection is never idle. */
function drip(text: string, head: string): Act {
  return (socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write(text), 20);
    socket.on("close", () => clearInterval(timer));
  };
}

const CLOSED = /it closed the connection before its answer was complete/;
const SILENT = /none was complete within 300 ms/;

/** What a server may do instead of answering, and what the agent says of it. */
const ATTACKS: readonly { what: string; act: Act; says: RegExp; useSsl?: boolean }[] = [
  { what: "is silent", act: () => undefined, says: SILENT },
  { what: "is silent instead of a TLS handshake", act: () => undefined, says: SILENT, useSsl: true },
  { what: "answers HTTP instead of TLS", act: (s) => s.write(OK), says: /does not speak TLS/, useSsl: true },
  {
    what: "switches protocols",
    act: (s) => s.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    says: CLOSED,
  },
  {
    what: "floods with informational answers",
    act: forever("HTTP/1.1 103 E\r\nlink: <x>\r\n\r\n"),
    says: /it sends informational answers without end/,
  },
  { what: "sends its status line slowly", act: drip("x", "HTTP/1.1 200 "), says: SILENT },
  { what: "sends its headers slowly", act: drip("a: b\r\n", "HTTP/1.1 200 OK\r\n"), says: SILENT },
  { what: "sends its body slowly", act: drip("x", "HTTP/1.1 200 OK\r\ncontent-length: 15000\r\n\r\n"), says: SILENT },
  {
    what: "drips a body without end",
    act: drip("1\r\nx\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    says: SILENT,
  },
  { what: "does not end its body", act: (s) => s.write(`${OK}{"stat`), says: SILENT },
  { what: "closes at once", act: (s) => s.end(), says: CLOSED },
  { what: "resets the connection", act: (s) => s.resetAndDestroy(), says: CLOSED },
  { what: "closes within its body", act: (s) => s.end(`${OK}{"stat`), says: CLOSED },
  {
    what: "sends headers of a megabyte",
    act: (s) => s.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1024 * 1024)}\r\n\r\n`),
    says: /headers of its answer are too large/,
  },
  {
    what: "sends headers without end",
    act: forever("a: b\r\n", "HTTP/1.1 200 OK\r\n"),
    says: /headers of its answer are too large/,
  },
  { what: "sends garbage", act: forever("\x00\xff SSH-2.0-x\r\n"), says: /not HTTP/ },
];

for (const { what, act, says, useSsl } of ATTACKS) {
  test(`a server that ${what} is given up, and nothing of the exchange stays`, async (t) => {
    const { transport, sockets, allClosed } = await hostile(t, act, { useSsl: useSsl === true });
    const { signal } = new AbortController();
    // One connection at a time: a second exchange would wait for ever if the first still held its own.
    for (let round = 0; round < 2; round += 1) {
      const begun = performance.now();
      await assert.rejects(transport.send("id", 1, BODY, signal), (error) => {
        assert.ok(error instanceof TransportError);
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /a-key/);
        return true;
      });
      assert.ok(performance.now() - begun < TIMEOUT_MS * 10);
      assert.deepEqual(getEventListeners(signal, "abort"), []);
      await allClosed();
    }
    assert.equal(sockets.length, 2);
  });
}

test("stopping ends an exchange at once", async (t) => {
  const stop = new AbortController();
  const { transport, allClosed } = await hostile(t, () => stop.abort());
  await assert.rejects(transport.send("id", 1, BODY, stop.signal), /stopping/);
  await allClosed();
  await assert.rejects(transport.send("id", 1, BODY, stop.signal), /stopping/);
  await allClosed();
});

/** The answer to one request to a server that writes this. */
async function answerTo(t: TestContext, text: string | Buffer): Promise<Answer> {
  const { transport } = await hostile(t, (socket) => socket.write(text));
  return transport.send("id", 1, BODY, new AbortController().signal);
}

test("a compressed answer is not decompressed", async (t) => {
  const bomb = gzipSync("bomb ".repeat(10_000_000));
  const head = `HTTP/1.1 400 Bad\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`;
  const before = process.memoryUsage.rss();
  const { status, text } = await answerTo(t, Buffer.concat([Buffer.from(head), bomb]));
  assert.equal(status, 400);
  assert.doesNotMatch(text, /bomb/);
  assert.ok(process.memoryUsage.rss() - before < 40e6);
});

test("a refusal before the request is read whole ends the exchange and its connection", async (t) => {
  const { transport, sockets, allClosed } = await hostile(t, (socket) => {
    socket.pause();
    socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
  });
  const { status } = await transport.send("id", 1, bodyOfSize(64 * 1024 * 1024), new AbortController().signal);
  assert.equal(status, 413);
  for (const socket of sockets) socket.resume();
  await allClosed();
});

test("an acceptance before the request is read whole is none: the server cannot have stored what it has not read", async (t) => {
  const { transport, sockets, allClosed } = await hostile(t, (socket) => {
    socket.pause();
    socket.write(`${OK}{"status":"ok"}`);
  });
  const sent = transport.send("id", 1, bodyOfSize(64 * 1024 * 1024), new AbortController().signal);
  await assert.rejects(sent, /127\.0\.0\.1:\d+ answered 200 before it had the whole request/);
  for (const socket of sockets) socket.resume();
  await allClosed();
});

test("an answer of failure before the request is written is told as early: the body may be on its way out still", async (t) => {
  const { transport, sockets, allClosed } = await hostile(t, (socket) => {
    socket.pause();
    socket.write("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
  });
  const early = await transport.send("id", 1, bodyOfSize(64 * 1024 * 1024), new AbortController().signal);
  assert.equal(early.status, 503);
  assert.equal(early.isEarly, true);
  for (const socket of sockets) socket.resume();
  await allClosed();
});

const FIVE_MINUTES = 300_000;

for (const [value, least, most] of [
  ["2", 2000, 2000],
  ["0", 0, 0],
  ["99999999", FIVE_MINUTES, FIVE_MINUTES],
  ["9".repeat(400), FIVE_MINUTES, FIVE_MINUTES],
  ["Fri, 31 Dec 9999 23:59:59 GMT", FIVE_MINUTES, FIVE_MINUTES],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0, 0],
  [new Date(Date.now() + 60_000).toUTCString(), 50_000, 60_000],
  ["-5", 0, 0],
  ["soon", undefined, undefined],
] as const) {
  const shown = least === 50_000 ? "a minute from now" : value.slice(0, 40);
  test(`Retry-After: ${shown} is ${least === undefined ? "ignored" : `at most ${most} ms`}`, async (t) => {
    const { retryAfterMs } = await answerTo(t, `HTTP/1.1 429 X\r\nretry-after: ${value}\r\ncontent-length: 0\r\n\r\n`);
    if (least === undefined) return assert.equal(retryAfterMs, undefined);
    assert.ok(retryAfterMs !== undefined && retryAfterMs >= least && retryAfterMs <= most, `${retryAfterMs} ms`);
  });
}

test("an answer that has come is read, although the time was over when the process could look again", async (t) => {
  const { transport } = await hostile(t, (socket) => {
    socket.write(`${OK}{"status":"ok"}`);
    // The process stands still.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * TIMEOUT_MS);
  });
  const { status } = await transport.send("batch", 1, BODY, new AbortController().signal);
  assert.equal(status, 200);
});
