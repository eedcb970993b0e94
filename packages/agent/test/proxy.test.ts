import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { type AgentOptions, type AgentProcess, makePlace, startedAgent } from "./agent.ts";
import { makeAuthority, type TestAuthority } from "./certificates.ts";
import { LAUNCHER } from "./launcher.ts";
import { startSink } from "./sink.ts";
import { freePort, noTinyproxy as skip, startTinyproxy, withHosts } from "./tinyproxy.ts";

const PASSWORD = "hidden-pa55word";
/** Of "agent" and that password, as it goes to the proxy. */
const BASIC = Buffer.from(`agent:${PASSWORD}`).toString("base64");
/** The proxy alone knows the server's name. */
const HOSTS = ["127.0.0.1 logs.test", "127.0.0.1 other.test"];

/** A server with a certificate for logs.test, and what an agent takes to trust it. */
async function serve(t: TestContext, { names = ["logs.test"], port = 0 } = {}) {
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const sink = await startSink(await authority.issue({ names }), port, "127.0.0.1");
  t.after(() => sink.close());
  return { place, authority, sink, env: tlsEnv(authority, sink.port) };
}

function tlsEnv(authority: TestAuthority, port: number) {
  // One request at a time needs no more than one connection.
  return {
    LOGDNA_HOST: `logs.test:${port}`,
    LOGDNA_USE_SSL: "true",
    SSL_CERT_FILE: authority.caFile,
    LOGDNA_MAX_IN_FLIGHT: "1",
  };
}

function start(t: TestContext, options: AgentOptions): Promise<AgentProcess> {
  const env = { LOGDNA_LOOKBACK: "start", LOGDNA_SHUTDOWN_TIMEOUT: "200", ...options.env };
  return startedAgent(t, { ...options, env });
}

async function failed(agent: AgentProcess, why: RegExp): Promise<void> {
  await agent.logged(({ event, message }) => event === "delivery_failed" && why.test(message), String(why));
}

/** Neither the log nor what other users can see of a process shows the password. */
function showsNoPassword(agent: AgentProcess): void {
  const places = process.env.TEST_CONFINEMENT === "off" ? [] : ["environ", "cmdline"];
  const shown = places.map((name) => readFileSync(`/proc/${agent.pid}/${name}`, "latin1"));
  for (const text of [agent.output(), ...shown])
    for (const secret of [PASSWORD, BASIC]) assert.ok(!text.includes(secret), `${secret} in ${text}`);
}

test("lines go through a proxy that wants a password, over one tunnel, to a server whose name the proxy alone knows", {
  skip,
}, async (t) => {
  const { place, sink, env } = await serve(t);
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS, settings: [`BasicAuth agent ${PASSWORD}`] });
  const HTTPS_PROXY = `http://agent:${PASSWORD}@127.0.0.1:${proxy.port}`;
  const agent = await start(t, { place, port: sink.port, env: { ...env, HTTPS_PROXY } });
  for (const text of ["one", "two", "three"]) {
    writeFileSync(join(place.logs, "a.log"), `${text}\n`, { flag: "a" });
    await sink.until(() => sink.texts().includes(text));
  }
  showsNoPassword(agent);
  const { message } = await agent.logged(({ event }) => event === "agent_started");
  assert.match(message, /to https:\/\/logs\.test:\d+\/logs\/agent through the proxy http:\/\/\*\*\*@127\.0\.0\.1:\d+/);
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two", "three"]);
  assert.ok(sink.requests.length >= 3);
  assert.equal(sink.connections.length, 1);
  assert.deepEqual(proxy.asked(), [`logs.test:${sink.port}`]);
  for (const { headers } of sink.requests) assert.equal(headers["proxy-authorization"], undefined);
});

test("behind a proxy, the confined agent may connect to the proxy's port and not to the server's", {
  skip,
}, async (t) => {
  const { place, env } = await serve(t);
  const variables = { ...env, LOGDNA_HOST: "logs.test:4443", LOGDNA_PROXY: `http://a:${PASSWORD}@127.0.0.1:3128` };
  const options = {
    env: { PATH: process.env.PATH, LOGDNA_INGESTION_KEY: "k", LOGDNA_DB_PATH: place.state, ...variables },
  };
  // The doctor tells what the agent would be left with; its status says what it thinks of this host.
  const run = promisify(execFile)(LAUNCHER, ["doctor", "--json"], options);
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  const { policy, destination } = JSON.parse(stdout);
  assert.deepEqual(policy.connectPorts, [53, 3128]);
  assert.deepEqual([destination.host, destination.port, destination.behind], ["127.0.0.1", 3128, "logs.test:4443"]);
  assert.ok(!stdout.includes(PASSWORD));
});

test("a password that the proxy does not take is told without showing it, and put right by SIGHUP", {
  skip,
}, async (t) => {
  const { place, sink, env } = await serve(t);
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS, settings: [`BasicAuth agent ${PASSWORD}`] });
  const config = join(place.root, "config.yaml");
  const configure = (who: string): void =>
    writeFileSync(config, `log: {dirs: ["${place.logs}"]}\nhttp: {proxy: "http://${who}127.0.0.1:${proxy.port}"}\n`);
  configure("");
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await start(t, { place, port: sink.port, env });
  await failed(agent, /wants a user and a password: put them into its URL.*407 .*Basic realm=\\?"Tinyproxy/);
  configure("agent:wrong-pa55word@");
  agent.child.kill("SIGHUP");
  await failed(agent, /does not take the user and password of its URL \(40[17] .*Basic realm=/);
  assert.doesNotMatch(agent.output(), /wrong-pa55word/);
  configure(`agent:${PASSWORD}@`);
  agent.child.kill("SIGHUP");
  await sink.until(() => sink.texts().includes("one"));
  const reloads = agent.log().filter(({ event }) => event === "config_reloaded");
  assert.deepEqual(
    reloads.map(({ changed }) => changed),
    [["proxy"], ["proxy"]],
  );
  showsNoPassword(agent);
  assert.equal(await agent.stop(), 0);
});

test("a proxy that does not allow the port is asked seldom, and the agent says what to allow", { skip }, async (t) => {
  const { place, sink, env } = await serve(t);
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS, settings: ["ConnectPort 443"] });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await start(t, {
    place,
    port: sink.port,
    env: { ...env, https_proxy: `http://127.0.0.1:${proxy.port}` },
  });
  const { retryInMs } = await agent.logged(({ event }) => event === "delivery_failed");
  await failed(
    agent,
    /refuses to connect to logs\.test:\d+ \(403 Access violation\): allow CONNECT to this host and port/,
  );
  assert.ok(Number(retryInMs) >= 10_000);
  assert.deepEqual(sink.requests, []);
  assert.equal(await agent.stop(), 0);
});

test("a server that is down behind the proxy gets its lines when it is up", { skip }, async (t) => {
  const port = await freePort();
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const env = { ...tlsEnv(authority, port), ALL_PROXY: `127.0.0.1:${proxy.port}` };
  const agent = await start(t, { place, port, env });
  await failed(agent, /through the proxy http:\/\/127\.0\.0\.1:\d+: it cannot connect to logs\.test:\d+ \(500 Unable/);
  const sink = await startSink(await authority.issue({ names: ["logs.test"] }), port, "127.0.0.1");
  t.after(() => sink.close());
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await agent.stop(), 0);
});

test("a proxy that is down is told, and lines go on when it is up; so after it was killed", { skip }, async (t) => {
  const { place, sink, env } = await serve(t);
  const port = await freePort();
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await start(t, { place, port: sink.port, env: { ...env, HTTPS_PROXY: `http://127.0.0.1:${port}` } });
  await failed(agent, /nothing listens there: check that the proxy runs and its port is right/);
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS, port });
  await sink.until(() => sink.texts().includes("one"));
  await proxy.stop();
  await startTinyproxy(t, { place, hosts: HOSTS, port });
  writeFileSync(join(place.logs, "a.log"), "two\n", { flag: "a" });
  await sink.until(() => sink.texts().includes("two"));
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two"]);
});

test("the certificate must be the server's: one for the proxy's name is refused within the tunnel", {
  skip,
}, async (t) => {
  const { place, authority, sink, env } = await serve(t, { names: ["127.0.0.1", "proxy.test"] });
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`;
  const agent = await start(t, { place, port: sink.port, env: { ...env, HTTPS_PROXY } });
  await failed(agent, /no answer from logs\.test:\d+ through the proxy .*: its certificate is for another name/);
  assert.deepEqual(sink.requests, []);
  sink.useCertificate(await authority.issue({ names: ["logs.test"] }));
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(await agent.stop(), 0);
});

test("plain HTTP goes through the proxy in a tunnel, too", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink(undefined, 0, "127.0.0.1");
  t.after(() => sink.close());
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const http_proxy = `http://127.0.0.1:${proxy.port}`;
  const env = { LOGDNA_HOST: `logs.test:${sink.port}`, http_proxy, HTTP_PROXY: "http://127.0.0.1:1" };
  const agent = await start(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("one"));
  assert.deepEqual(proxy.asked(), [`logs.test:${sink.port}`]);
  assert.equal(sink.requests[0]?.headers.via, undefined);
  assert.equal(await agent.stop(), 0);
});

test("what NO_PROXY names is reached without the proxy", { skip }, async (t) => {
  const { place, sink, env } = await serve(t);
  const proxy = await startTinyproxy(t, { place, hosts: HOSTS });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await start(t, {
    place,
    port: sink.port,
    env: { ...env, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: "10.0.0.0/8,.test" },
    wrapper: withHosts(place, "agent", HOSTS),
  });
  await sink.until(() => sink.texts().includes("one"));
  assert.deepEqual(proxy.asked(), []);
  assert.equal(await agent.stop(), 0);
});

test("a proxy of TLS must prove its own name, and the server behind it its own", { skip }, async (t) => {
  const { place, authority, sink, env } = await serve(t);
  const inner = await startTinyproxy(t, { place, hosts: HOSTS, settings: [`BasicAuth agent ${PASSWORD}`] });
  // Tinyproxy speaks no TLS; this takes it off in front of it.
  const front = createTlsServer(await authority.issue({ names: ["logs.test"] }), (socket) => {
    const onward = connect(inner.port, "127.0.0.1");
    for (const end of [socket, onward]) end.on("error", () => undefined);
    socket.pipe(onward).pipe(socket);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  t.after(() => front.close());
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const HTTPS_PROXY = `https://agent:${PASSWORD}@127.0.0.1:${(front.address() as AddressInfo).port}`;
  const agent = await start(t, { place, port: sink.port, env: { ...env, HTTPS_PROXY } });
  await failed(
    agent,
    /through the proxy https:\/\/\*\*\*@127\.0\.0\.1:\d+: its certificate is for another name: check the proxy/,
  );
  assert.deepEqual(inner.asked(), []);
  front.setSecureContext(await authority.issue({ names: ["127.0.0.1"] }));
  await sink.until(() => sink.texts().includes("one"));
  writeFileSync(join(place.logs, "a.log"), "two\n", { flag: "a" });
  await sink.until(() => sink.texts().includes("two"));
  assert.equal(sink.connections.length, 1);
  assert.deepEqual(inner.asked(), [`logs.test:${sink.port}`]);
  showsNoPassword(agent);
  assert.equal(await agent.stop(), 0);
});
