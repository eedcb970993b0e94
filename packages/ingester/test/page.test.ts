import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, test } from "node:test";
import { type Answer, ask } from "./requests.ts";
import { startServer } from "./server.ts";

const server = await startServer({ after }, { secure: true });
const { url, ca, token, key } = server;
const FILES = ["/", "/index.html", "/app.js", "/app.css", "/favicon.svg"] as const;

/** Asks without anything that signs in. */
const open = (path: string, headers = {}, method = "GET"): Promise<Answer> => ask(url + path, { ca, headers, method });

for (const path of [...FILES, "/health/live", "/health/ready", "/nothing", "/api/v1/lines", "/logs/agent"])
  test(`${path} has every security header, with an error too`, async () => {
    const { headers } = await open(path);
    const policy = new Map(
      String(headers["content-security-policy"])
        .split("; ")
        .map((part) => [part.split(" ")[0], part.split(" ").slice(1).join(" ")]),
    );
    assert.equal(policy.get("default-src"), "'none'");
    assert.equal(policy.get("frame-ancestors"), "'none'");
    assert.equal(policy.get("base-uri"), "'none'");
    assert.equal(policy.get("form-action"), "'none'");
    for (const [name = "", sources = ""] of policy)
      for (const source of sources.split(" "))
        assert.ok(["'none'", "'self'", ...(name === "img-src" ? ["data:"] : [])].includes(source), `${name} ${source}`);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    assert.equal(headers["cross-origin-opener-policy"], "same-origin");
    // A browser that was told so about an authority of one's own would shut out the host's other ports and services.
    assert.equal(headers["strict-transport-security"], undefined);
    assert.equal(headers["x-powered-by"], undefined);
    assert.equal(headers.server, undefined);
  });

test("the page's files need no token, name no other origin and hold no secret", async () => {
  for (const path of FILES) {
    const { status, text, headers } = await open(path);
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^(text\/(html|javascript|css); charset=utf-8|image\/svg\+xml)$/);
    for (const secret of [token, key]) assert.ok(!text.includes(secret));
    assert.doesNotMatch(text, /(?:src|href)=["'](?:https?:)?\/\/|url\(["']?https?:|@import|fetch\(["'`]https?:/);
  }
});

test("a browser keeps the page's files, and asks whether they have changed", async () => {
  for (const path of FILES) {
    const { headers } = await open(path);
    assert.equal(headers["cache-control"], "no-cache");
    const same = await open(path, { "if-none-match": headers.etag });
    assert.deepEqual([same.status, same.text], [304, ""]);
    assert.equal(same.headers.etag, headers.etag);
    assert.equal((await open(path, { "if-none-match": '"other"' })).status, 200);
  }
});

test("what is read and what is answered to senders is never kept by a cache", async () => {
  assert.equal((await server.get("/api/v1/lines")).headers["cache-control"], "no-store");
  assert.equal((await server.post({ lines: [] })).headers["cache-control"], "no-store");
});

test("health is told without a token, and nothing besides", async () => {
  for (const path of ["/health/live", "/health/ready"]) {
    const { status, text } = await open(path);
    assert.deepEqual([status, JSON.parse(text)], [200, { status: "ok" }]);
  }
});

const READS = ["lines", "histogram", "facets", "tail"] as const;

for (const name of READS)
  test(`${name}: only the read token opens it`, async () => {
    const path = `/api/v1/${name}`;
    const wrong = [
      {},
      { authorization: `Bearer ${token}x` },
      { authorization: `Bearer ${key}` },
      { authorization: `Basic ${Buffer.from(`${token}:`).toString("base64")}` },
      { authorization: token },
      { apikey: token },
      { apikey: key },
      { cookie: `__Host-reader=${token}` },
      { cookie: "__Host-reader=9999999999.aaaaaaaaaaaa.AAAA" },
      { cookie: "__Host-reader=" },
    ];
    for (const headers of wrong) {
      const { status, text } = await open(`${path}?token=${token}&apikey=${key}`, headers);
      assert.deepEqual([status, JSON.parse(text)], [401, { error: "Reading needs the read token." }]);
    }
  });

/** Signs in as the page does. */
const signIn = (body: unknown): Promise<Answer> =>
  ask(`${url}/api/v1/session`, {
    ca,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

test("signing in: the token becomes a cookie that scripts and other sites cannot use, and that does not tell the token", async () => {
  const { status, headers, text } = await signIn({ token });
  assert.deepEqual([status, JSON.parse(text)], [200, { status: "ok" }]);
  const [cookie = "", ...others] = headers["set-cookie"] ?? [];
  assert.deepEqual(others, []);
  const [pair = "", ...flags] = cookie.split("; ");
  assert.match(pair, /^__Host-reader=[\w.-]+$/);
  assert.deepEqual(flags.toSorted(), ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Strict", "Secure"]);
  assert.ok(!cookie.includes(token));

  for (const name of ["lines", "histogram", "facets"])
    assert.equal((await open(`/api/v1/${name}`, { cookie: `theme=dark; ${pair}` })).status, 200);
  assert.equal((await open("/api/v1/lines", { cookie: pair.slice(0, -1) })).status, 401);
  const later = pair.replace(/=\d+/, "=9999999999");
  assert.equal((await open("/api/v1/lines", { cookie: later })).status, 401, "its end cannot be moved");
  assert.equal((await open("/logs/agent?hostname=h", { cookie: pair }, "POST")).status, 401, "it is for reading only");
});

test("signing in: anything but the token is refused without a cookie", async () => {
  for (const body of [{}, { token: `${token}x` }, { token: key }, { token: [token] }, { token: null }, null, "x"]) {
    const { status, headers } = await signIn(body);
    assert.equal(status, 401, JSON.stringify(body));
    assert.equal(headers["set-cookie"], undefined);
  }
  assert.equal((await signIn({ token: "x".repeat(10_000) })).status, 413);
});

test("signing out ends the cookie", async () => {
  const { status, headers } = await open("/api/v1/session", {}, "DELETE");
  assert.equal(status, 200);
  assert.match(String(headers["set-cookie"]), /^__Host-reader=; .*Max-Age=0/);
});

test("a session outlives a restart, and ends with its token", async (t) => {
  const first = await startServer(t);
  const answer = await ask(`${first.url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: first.token }),
  });
  const cookie = answer.headers["set-cookie"]?.[0]?.split(";")[0];
  await first.stop();
  const second = await startServer(t, { dataDir: first.dataDir });
  assert.equal((await ask(`${second.url}/api/v1/lines`, { headers: { cookie } })).status, 200);
  await second.stop();
  rmSync(first.ready.tokenFile);
  const third = await startServer(t, { dataDir: first.dataDir });
  assert.equal((await ask(`${third.url}/api/v1/lines`, { headers: { cookie } })).status, 401);
});
