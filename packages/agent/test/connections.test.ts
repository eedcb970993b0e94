import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { makeAuthority } from "./certificates.ts";
import { eventually } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";
import { noTinyproxy, startTinyproxy, withHosts } from "./tinyproxy.ts";

const interfaces = Object.values(networkInterfaces()).flat();
const noIpv6 = interfaces.some((found) => found?.address === "::1") ? false : "needs ::1";
const noNames = process.geteuid?.() === 0 ? noIpv6 : "needs root, for names of its own";

/** Appends a line and waits until it has arrived. */
async function ship(place: Place, sink: Sink, text: string): Promise<void> {
  appendFileSync(join(place.logs, "a.log"), `${text}\n`);
  await sink.until(() => sink.texts().includes(text));
}

function isResumed(socket: Socket | undefined): boolean {
  assert.ok(socket instanceof TLSSocket);
  return socket.isSessionReused();
}

/** Lines go over one connection while it is open, and the next one resumes its TLS session. */
async function reusesWhatItHas(agent: AgentProcess, place: Place, sink: Sink): Promise<void> {
  for (const text of ["one", "two", "three"]) await ship(place, sink, text);
  assert.equal(sink.connections.length, 1);
  assert.equal(isResumed(sink.connections[0]), false);
  await eventually(() => {
    sink.closeIdle();
    return sink.connections[0]?.destroyed === true;
  }, "the connection is idle, and closed");
  await ship(place, sink, "four");
  assert.equal(sink.connections.length, 2);
  assert.equal(isResumed(sink.connections[1]), true);
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two", "three", "four"]);
}

async function serve(t: TestContext, names: string[], host: string) {
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const sink = await startSink(await authority.issue({ names }), 0, host);
  t.after(() => sink.close());
  // One request at a time needs no more than one connection.
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: authority.caFile, LOGDNA_MAX_IN_FLIGHT: "1" };
  return { place, sink, env };
}

test("one connection is used again and again, and the next one resumes its TLS session", async (t) => {
  const { place, sink, env } = await serve(t, ["localhost"], "localhost");
  const agent = await startedAgent(t, { place, port: sink.port, env });
  await reusesWhatItHas(agent, place, sink);
});

test("so it is through a proxy, with a tunnel for each connection", { skip: noTinyproxy }, async (t) => {
  const { place, sink, env } = await serve(t, ["logs.test"], "127.0.0.1");
  const proxy = await startTinyproxy(t, { place, hosts: ["127.0.0.1 logs.test"] });
  const https_proxy = `http://127.0.0.1:${proxy.port}`;
  const LOGDNA_HOST = `logs.test:${sink.port}`;
  const agent = await startedAgent(t, { place, port: sink.port, env: { ...env, https_proxy, LOGDNA_HOST } });
  await reusesWhatItHas(agent, place, sink);
  assert.deepEqual(proxy.asked(), [LOGDNA_HOST, LOGDNA_HOST]);
});

test("a server is reached by its IPv6 address, which its certificate names", { skip: noIpv6 }, async (t) => {
  const { place, sink, env } = await serve(t, ["::1"], "::1");
  const LOGDNA_HOST = `[::1]:${sink.port}`;
  const agent = await startedAgent(t, { place, port: sink.port, env: { ...env, LOGDNA_HOST } });
  await ship(place, sink, "one");
  assert.equal(await agent.stop(), 0);
});

const NAMES: readonly (readonly [what: string, listens: string, ...hosts: string[]])[] = [
  ["an IPv6 address only", "::1", "::1 logs.test"],
  ["addresses of both versions, and listens on the IPv6 one", "::1", "127.0.0.1 logs.test", "::1 logs.test"],
  ["addresses of both versions, and listens on the IPv4 one", "127.0.0.1", "::1 logs.test", "127.0.0.1 logs.test"],
];

for (const [what, listens, ...hosts] of NAMES) {
  test(`a server is reached whose name has ${what}`, { skip: noNames }, async (t) => {
    const { place, sink, env } = await serve(t, ["logs.test"], listens);
    const LOGDNA_HOST = `logs.test:${sink.port}`;
    const wrapper = withHosts(place, "agent", hosts);
    const agent = await startedAgent(t, { place, port: sink.port, env: { ...env, LOGDNA_HOST }, wrapper });
    await ship(place, sink, "one");
    assert.equal(await agent.stop(), 0);
    assert.ok(!agent.log().some(({ event }) => event === "delivery_failed"));
  });
}

test("a proxy is reached by its IPv6 address, and asked for one", { skip: noTinyproxy || noIpv6 }, async (t) => {
  const { place, sink, env } = await serve(t, ["logs.test"], "::1");
  const proxy = await startTinyproxy(t, { place, hosts: ["::1 logs.test"], listen: "::1" });
  const https_proxy = `http://[::1]:${proxy.port}`;
  const LOGDNA_HOST = `logs.test:${sink.port}`;
  const agent = await startedAgent(t, { place, port: sink.port, env: { ...env, https_proxy, LOGDNA_HOST } });
  await ship(place, sink, "one");
  assert.deepEqual(proxy.asked(), [LOGDNA_HOST]);
  assert.equal(await agent.stop(), 0);
});
