import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { getEventListeners } from "node:events";
import { type TestContext, test } from "node:test";
import { type Act, hostile, TIMEOUT_MS } from "../../test/hostile.ts";
import { Secret } from "../config/mod.ts";
import { TransportError } from "./transport_error.ts";

const BODY = { bytes: Buffer.from('{"lines":[]}'), encoding: undefined, plainSize: 12 } as const;
const TUNNEL = "HTTP/1.1 200 Connection established\r\n\r\n";

/** A proxy on bare TCP that does what it likes once the first bytes are there, and a transport that goes through it. */
async function hostileProxy(
  t: TestContext,
  act: Act,
  { useSsl = true, secure = false, credentials = "", conceal = (text: string): string => text } = {},
) {
  const asked: string[] = [];
  const note: Act = (socket, first) => {
    asked.push(first.toString("latin1"));
    act(socket, first);
  };
  const proxied = await hostile(t, note, (port) => ({
    host: "logs.example",
    port: 4443,
    useSsl,
    conceal,
    proxy: {
      host: "127.0.0.1",
      port,
      secure,
      credentials: credentials === "" ? undefined : new Secret(credentials),
    },
  }));
  return { ...proxied, asked };
}

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

function drip(text: string, head: string): Act {
  return (socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write(text), 20);
    socket.on("close", () => clearInterval(timer));
  };
}

const answers =
  (text: string): Act =>
  (socket) =>
    socket.write(text);

const LATE =
  /no connection to logs\.example:4443 through the proxy http:\/\/127\.0\.0\.1:\d+: it did not connect within 300 ms/;

interface Attack {
  readonly what: string;
  readonly act: Act;
  readonly says: RegExp;
  readonly secure?: boolean;
  readonly credentials?: string;
  readonly waits?: true;
}

/** What a proxy may do instead of connecting, and what the agent says of it. */
const ATTACKS: readonly Attack[] = [
  { what: "is silent", act: () => undefined, says: LATE },
  {
    what: "is silent instead of a TLS handshake",
    act: () => undefined,
    secure: true,
    says: /it did not connect within/,
  },
  { what: "sends its answer slowly", act: drip("a: b\r\n", "HTTP/1.1 200 OK\r\n"), says: LATE },
  {
    what: "connects, and leads nowhere",
    act: answers(TUNNEL),
    says: /no answer from logs\.example:4443 through the proxy .*: none was complete within 300 ms/,
  },
  { what: "closes at once", act: (s) => s.end(), says: /it closed the connection instead of answering/ },
  { what: "resets the connection", act: (s) => s.resetAndDestroy(), says: /it closed the connection instead/ },
  { what: "sends garbage", act: forever("\x00\xff SSH-2.0-x\r\n"), says: /what answers there is not HTTP/ },
  {
    what: "does not speak TLS",
    act: answers(TUNNEL),
    secure: true,
    says: /it does not speak TLS .*whether its URL begins with http:/,
  },
  {
    what: "sends headers of a megabyte",
    act: answers(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1024 * 1024)}\r\n\r\n`),
    says: /the headers of its answer are too large/,
  },
  {
    what: "sends headers without end",
    act: forever("a: b\r\n", "HTTP/1.1 200 OK\r\n"),
    says: /the headers of its answer are too large/,
  },
  {
    what: "floods with informational answers",
    act: forever("HTTP/1.1 103 E\r\nlink: <x>\r\n\r\n"),
    says: /it answered 103 E to CONNECT/,
    waits: true,
  },
  {
    what: "speaks for the server before it is asked",
    act: answers(`${TUNNEL}HTTP/1.1 200 OK\r\n\r\n`),
    says: /it sends more than the answer to CONNECT/,
  },
  {
    what: "redirects",
    act: answers("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n"),
    says: /it answered 302 Found to CONNECT logs\.example:4443: check that it is an HTTP proxy/,
    waits: true,
  },
  {
    what: "refuses, with a reason that is not for terminals",
    act: answers(`HTTP/1.1 403 No\x1b[31m${"x".repeat(5000)}\r\n\r\n`),
    says: /it refuses to connect to logs\.example:4443 \(403 No \[31mx{80,90}\): allow CONNECT/,
    waits: true,
  },
  {
    what: "cannot connect",
    act: answers("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 999999\r\n\r\n"),
    says: /it cannot connect to logs\.example:4443 \(502 Bad Gateway\)/,
  },
  {
    what: "wants a password",
    act: answers('HTTP/1.1 407 Auth\r\nproxy-authenticate: Basic realm="office"\r\n\r\n'),
    says: /it wants a user and a password: .*\(407 Auth; Basic realm="office"\)/,
    waits: true,
  },
  {
    what: "does not take the password",
    act: answers('HTTP/1.1 407 Auth\r\nproxy-authenticate: Basic realm="office"\r\n\r\n'),
    credentials: "user:hidden",
    says: /it does not take the user and password of its URL \(407 Auth; Basic realm="office"\)/,
    waits: true,
  },
  {
    what: "wants authentication of another kind",
    act: answers("HTTP/1.1 407 Auth\r\nproxy-authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n\r\n"),
    credentials: "user:hidden",
    says: /of a kind that is not supported, only Basic is \(407 Auth; Negotiate, NTLM\)/,
    waits: true,
  },
];

for (const { what, act, says, secure = false, credentials = "", waits } of ATTACKS) {
  test(`a proxy that ${what} is given up, and no connection stays`, async (t) => {
    const { transport, asked, sockets, allClosed } = await hostileProxy(t, act, { secure, credentials });
    const { signal } = new AbortController();
    // One connection at a time: a second exchange would wait for ever if the first still held its own.
    for (let round = 0; round < 2; round += 1) {
      const begun = performance.now();
      await assert.rejects(transport.send("id", 1, BODY, signal), (error) => {
        assert.ok(error instanceof TransportError);
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /hidden|user:hid|dXNlcjp|a-key/);
        assert.equal(error.waitMs !== undefined, waits === true, "waits");
        return true;
      });
      assert.ok(performance.now() - begun < TIMEOUT_MS * 10);
      assert.deepEqual(getEventListeners(signal, "abort"), []);
      await allClosed();
    }
    assert.equal(sockets.length, 2);
    // Whatever the proxy says, it gets nothing but the question.
    if (!secure)
      for (const text of asked) assert.match(text, /^CONNECT logs\.example:4443 HTTP\/1\.1\r\n[\s\S]*\r\n\r\n$/);
    for (const text of asked) assert.doesNotMatch(text, /a-key/);
  });
}

for (const [status, header, waitMs] of [
  ["503 Busy", "retry-after: 60\r\n", 60_000],
  ["429 Slow down", "retry-after: 2\r\n", 2000],
  ["503 Busy", "", undefined],
  // A refusal has a wait of its own, of ten seconds.
  ["407 Auth", "retry-after: 2\r\n", 10_000],
  ["403 No", "retry-after: 60\r\n", 60_000],
] as const) {
  test(`a proxy's ${status} with ${header.trim() || "nothing"} makes for a wait of ${waitMs ?? "no"} ms`, async (t) => {
    const { transport } = await hostileProxy(t, answers(`HTTP/1.1 ${status}\r\n${header}content-length: 0\r\n\r\n`));
    await assert.rejects(transport.send("id", 1, BODY, new AbortController().signal), (error) => {
      assert.ok(error instanceof TransportError);
      assert.equal(error.waitMs, waitMs);
      return true;
    });
  });
}
test("a password that the proxy repeats is not told, also where what it says is cut", async (t) => {
  const act = answers(
    `HTTP/1.1 407 ${"x".repeat(80)} hidden-pa55word\r\nproxy-authenticate: Basic realm="${"y".repeat(170)} hidden-pa55word"\r\n\r\n`,
  );
  const conceal = (text: string): string => text.replaceAll("hidden-pa55word", "***");
  const { transport } = await hostileProxy(t, act, { credentials: "user:hidden-pa55word", conceal });
  await assert.rejects(transport.send("id", 1, BODY, new AbortController().signal), (error) => {
    assert.ok(error instanceof TransportError);
    assert.match(error.message, /xxx \*\*\*; Basic realm="y+ \*\*\*/);
    assert.doesNotMatch(error.message, /hid/);
    return true;
  });
});

test("stopping gives up a tunnel that is being made", async (t) => {
  const stop = new AbortController();
  const { transport, allClosed, sockets } = await hostileProxy(t, () => stop.abort());
  await assert.rejects(transport.send("id", 1, BODY, stop.signal), /stopping/);
  transport.close();
  await allClosed();
  assert.equal(sockets.length, 1);
});

test("the credentials go to the proxy as Basic authentication in UTF-8, and to it alone", async (t) => {
  const texts: string[] = [];
  const act: Act = (socket) => {
    socket.write("HTTP/1.0 200 OK\r\n\r\n");
    socket.once("data", (request: Buffer) => {
      texts.push(request.toString("latin1"));
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
  };
  const { transport, asked, sockets } = await hostileProxy(t, act, { useSsl: false, credentials: "usér:p:ss" });
  assert.equal((await transport.send("id", 1, BODY, new AbortController().signal)).status, 200);
  assert.match(asked[0] ?? "", /\r\nproxy-authorization: Basic dXPDqXI6cDpzcw==\r\n/i);
  assert.match(texts[0] ?? "", /^POST \/logs\/agent\?/);
  assert.doesNotMatch(texts[0] ?? "", /proxy|Basic/i);
  assert.equal(sockets.length, 1);
});

test("an answer of 403 within the tunnel is the server's", async (t) => {
  const act: Act = (socket) => {
    socket.write(TUNNEL);
    socket.once("data", () => socket.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
  };
  const { transport } = await hostileProxy(t, act, { useSsl: false });
  assert.equal((await transport.send("id", 1, BODY, new AbortController().signal)).status, 403);
});
