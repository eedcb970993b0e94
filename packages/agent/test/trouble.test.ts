import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { type AgentOptions, type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { makeAuthority, type TestAuthority } from "./certificates.ts";
import { type Sink, startSink } from "./sink.ts";

const KEY = "test-key-0123456789";
const DAY_MS = 86_400_000;
const LINES = ["one", "two", "three"];

/** A place with one log, of three lines. */
function placeWithLines(): Place {
  const place = makePlace();
  writeFileSync(join(place.logs, "a.log"), `${LINES.join("\n")}\n`);
  return place;
}

async function openSink(t: TestContext, ...options: Parameters<typeof startSink>): Promise<Sink> {
  const sink = await startSink(...options);
  t.after(() => sink.close());
  return sink;
}

/** An agent that reads its logs from their start and waits for little at its end. */
function start(t: TestContext, options: AgentOptions): Promise<AgentProcess> {
  const env = { LOGDNA_LOOKBACK: "start", LOGDNA_SHUTDOWN_TIMEOUT: "200", ...options.env };
  return startedAgent(t, { ...options, env });
}

/** Resolves once the agent has said why it cannot deliver. */
async function failed(agent: AgentProcess, why: RegExp): Promise<void> {
  await agent.logged(({ event, message }) => event === "delivery_failed" && why.test(message), String(why));
}

/** All lines arrive, each once, and the key is nowhere in what the agent has written. */
async function recovers(agent: AgentProcess, sink: Sink, lines = LINES): Promise<void> {
  await sink.until(() => sink.texts().length >= lines.length, `${lines}`);
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), lines);
  assert.ok(!agent.output().includes(KEY), "the key is in the log");
}

type Issue = (authority: TestAuthority, foreign: TestAuthority) => ReturnType<TestAuthority["issue"]>;

const WRONG_CERTIFICATES: readonly (readonly [what: string, issue: Issue, says: RegExp])[] = [
  [
    "for another name",
    (own) => own.issue({ names: ["elsewhere.example"] }),
    /for another name: check the configured host/,
  ],
  [
    "that has expired",
    (own) => own.issue({ validForMs: -1000 }),
    /has expired: renew it there, or check this machine's clock/,
  ],
  [
    "that is not valid yet",
    (own) => own.issue({ validFromMs: DAY_MS, validForMs: 2 * DAY_MS }),
    /is not valid yet: check this machine's clock/,
  ],
  ["of a foreign authority", (_, foreign) => foreign.issue(), /does not trust: name its CA file with SSL_CERT_FILE/],
];

for (const [what, issue, says] of WRONG_CERTIFICATES) {
  test(`a server with a certificate ${what} gets nothing until it has a good one`, async (t) => {
    const place = placeWithLines();
    const own = await makeAuthority(place.root);
    const sink = await openSink(t, await issue(own, await makeAuthority(place.root, "foreign")));
    const agent = await start(t, {
      place,
      port: sink.port,
      env: { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: own.caFile },
    });
    await failed(agent, says);
    assert.deepEqual(sink.requests, []);
    sink.useCertificate(await own.issue());
    await recovers(agent, sink);
  });
}

test("an authority that is named too late is trusted after SIGHUP", async (t) => {
  const place = placeWithLines();
  const own = await makeAuthority(place.root);
  const other = await makeAuthority(place.root, "other");
  const sink = await openSink(t, await own.issue());
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: other.caFile };
  const agent = await start(t, { place, port: sink.port, env });
  await failed(agent, /name its CA file with SSL_CERT_FILE/);
  copyFileSync(own.caFile, other.caFile);
  agent.child.kill("SIGHUP");
  await recovers(agent, sink);
});

const canMount = process.geteuid?.() === 0;

test("SSL_CERT_FILE and SSL_CERT_DIR add to the system's authorities", {
  skip: !canMount && "needs root for a mount",
}, async (t) => {
  const place = placeWithLines();
  const system = await makeAuthority(place.root, "system");
  const own = await makeAuthority(place.root);
  const certs = join(place.root, "certs");
  mkdirSync(certs);
  copyFileSync(system.caFile, join(certs, "ca-certificates.crt"));
  const listed = await makeAuthority(place.root, "listed");
  const directory = join(place.root, "listed");
  mkdirSync(directory);
  copyFileSync(listed.caFile, join(directory, "0a1b2c3d.0"));
  const sink = await openSink(t, await system.issue());
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: own.caFile, SSL_CERT_DIR: directory };
  const script = 'mount --bind "$0" /etc/ssl/certs && exec "$@"';
  const wrapper = ["unshare", "--mount", "sh", "-c", script, certs];
  const agent = await start(t, { place, port: sink.port, env, wrapper });
  await sink.until(() => sink.texts().length === LINES.length);
  sink.useCertificate(await own.issue());
  writeFileSync(join(place.logs, "b.log"), "more\n");
  await sink.until(() => sink.texts().includes("more"));
  sink.useCertificate(await listed.issue());
  writeFileSync(join(place.logs, "c.log"), "and more\n");
  await recovers(agent, sink, [...LINES, "more", "and more"]);
});

test("a server that speaks plain HTTP where TLS is expected gets nothing", async (t) => {
  const place = placeWithLines();
  const sink = await openSink(t);
  const agent = await start(t, { place, port: sink.port, env: { LOGDNA_USE_SSL: "true" } });
  await failed(agent, /does not speak TLS.*check the port, and --use-ssl/);
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.requests, []);
  await recovers(await start(t, { place, port: sink.port }), sink);
});

test("a server that speaks no newer TLS than 1.1 gets nothing", async (t) => {
  const place = placeWithLines();
  const own = await makeAuthority(place.root);
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
  let requests = 0;
  const server = createHttpsServer({ ...(await own.issue()), ...old }, () => {
    requests += 1;
  }).listen(0, "localhost");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // That the server works for those who speak its TLS makes the refusal the agent's own.
  const client = connect({ port, host: "localhost", rejectUnauthorized: false, ...old });
  await once(client, "secureConnect");
  assert.equal(client.getProtocol(), "TLSv1.1");
  client.destroy();
  const agent = await start(t, { place, port, env: { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: own.caFile } });
  await failed(agent, /does not speak TLS 1\.2 or later/);
  assert.equal(requests, 0);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await recovers(agent, await openSink(t, await own.issue(), port));
});

test("a server that is not there yet gets everything once it is", async (t) => {
  const place = placeWithLines();
  const { port, close } = await startSink();
  await close();
  const agent = await start(t, { place, port });
  await failed(agent, /nothing listens there: check that the server runs and the port is right/);
  await recovers(agent, await openSink(t, undefined, port));
});

test("a host name that nobody knows is told, and the lines are kept for the right one", async (t) => {
  const place = placeWithLines();
  const sink = await openSink(t);
  const agent = await start(t, { place, port: sink.port, env: { LOGDNA_HOST: `no-such-host.invalid:${sink.port}` } });
  await failed(agent, /no-such-host\.invalid.*DNS/);
  assert.equal(await agent.stop(), 0);
  await recovers(await start(t, { place, port: sink.port }), sink);
});

test("a key that is rejected until the account is active costs nothing and is in no output", async (t) => {
  const place = placeWithLines();
  const sink = await openSink(t);
  let refusals = 1;
  sink.behave((request, response) => {
    if (refusals === 0) return false;
    refusals -= 1;
    response.writeHead(403).end(JSON.stringify({ error: `no account for ${request.headers.apikey}` }));
    return true;
  });
  const agent = await start(t, { place, port: sink.port });
  const { message } = await agent.logged(({ event }) => event === "key_rejected");
  assert.match(message, /403 .*no account for \*\*\*.*Put a valid one into the configuration and send SIGHUP/);
  await recovers(agent, sink);
});

test("a key that is wrong is put right in its file, and SIGHUP sends the lines with it", async (t) => {
  const place = placeWithLines();
  const sink = await openSink(t);
  sink.behave((request, response) => {
    if (request.headers.apikey === KEY) return false;
    response.writeHead(401).end("{}");
    return true;
  });
  const keyFile = join(place.root, "key");
  writeFileSync(keyFile, "wrong-key-9876543210\n");
  const env = { LOGDNA_INGESTION_KEY: undefined, LOGDNA_INGESTION_KEY_FILE: keyFile };
  const agent = await start(t, { place, port: sink.port, env });
  await agent.logged(({ event }) => event === "key_rejected");
  writeFileSync(keyFile, `${KEY}\n`);
  agent.child.kill("SIGHUP");
  await recovers(agent, sink);
  assert.ok(!agent.output().includes("wrong-key"));
});

test("a redirect is not followed: the other server gets no connection, and the lines stay for this one", async (t) => {
  const place = placeWithLines();
  let connections = 0;
  const other = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, "localhost");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const sink = await openSink(t);
  const statuses = [308];
  sink.behave((_, response) => {
    const status = statuses.shift();
    if (status === undefined) return false;
    response.writeHead(status, { location: `http://localhost:${port}/logs/agent` }).end();
    return true;
  });
  const agent = await start(t, { place, port: sink.port });
  await failed(agent, /the server answered 308: check the configured host and endpoint/);
  await recovers(agent, sink);
  assert.equal(sink.requests.length, 2);
  assert.equal(connections, 0);
});

test("SIGTERM while the server is down ends the agent in time, and the next run sends everything", async (t) => {
  const place = placeWithLines();
  const { port, close } = await startSink();
  await close();
  const agent = await start(t, { place, port, args: ["--shutdown-timeout", "500"] });
  await failed(agent, /nothing listens/);
  writeFileSync(join(place.logs, "b.log"), "late\n");
  const begun = performance.now();
  assert.equal(await agent.stop(), 0);
  const tookMs = performance.now() - begun;
  assert.ok(tookMs < 3000, `${tookMs} ms`);
  assert.match(agent.log().at(-1)?.message ?? "", /without every acknowledgement; the next start sends the rest/);
  const sink = await openSink(t, undefined, port);
  await recovers(await start(t, { place, port }), sink, [...LINES, "late"]);
});

test("lines that the server does not take count as dropped, and hold up nothing although they fill the window", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const released = Promise.withResolvers<void>();
  sink.behave(async (_, response, { lines }) => {
    const poison = lines.findIndex(({ line }) => line.startsWith("poison"));
    if (poison < 0) return false;
    arrived[lines[poison]?.line === "poison é" ? 0 : 1]?.resolve();
    await released.promise;
    response.writeHead(400).end('{"error":"bad line"}');
    return true;
  });
  const env = { LOGDNA_MAX_IN_FLIGHT: "2", LOGDNA_FLUSH_DURATION: "20" };
  const agent = await start(t, { place, port: sink.port, env });
  const files = ["a.log", "b.log", "c.log"].map((name) => join(place.logs, name));
  const texts = ["poison é\n", "\npoison ü\n", "good\n\n"];
  for (const [n, file] of files.entries()) {
    writeFileSync(file, texts[n] ?? "");
    await agent.logged(({ event, path }) => event === "file_found" && path === file);
    await arrived[n]?.promise;
  }
  released.resolve();
  await agent.logged(() => agent.log().filter(({ event }) => event === "line_refused").length === 2, "two refusals");
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["good"]);
  const { bytes_read, bytes_shipped, bytes_empty, bytes_dropped, ...counters } = await agent.logged(
    ({ event }) => event === "agent_counters",
  );
  assert.equal(
    bytes_read,
    files.map((file) => statSync(file).size).reduce((a, b) => a + b),
  );
  assert.deepEqual(
    { bytes_shipped, bytes_empty, bytes_dropped },
    { bytes_shipped: 5, bytes_empty: 2, bytes_dropped: 20 },
  );
  assert.deepEqual([counters.lines_shipped, counters.lines_refused], [1, 2]);
  assert.equal(counters.requests_accepted, 1);
  assert.equal(counters.requests_refused, sink.requests.length - 1);
  assert.equal(counters.requests_failed, 0);
});
