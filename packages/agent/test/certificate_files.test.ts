import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { type AgentProcess, makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { makeAuthority, type TestAuthority } from "./certificates.ts";
import { eventually } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

/** Puts a file in the place of another as renewals do: by a rename. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Appends a line and waits until it has arrived. */
async function ship(place: Place, sink: Sink, text: string): Promise<void> {
  appendFileSync(join(place.logs, "a.log"), `${text}\n`);
  await sink.until(() => sink.texts().includes(text));
}

/** Ships line after line until something is seen: files are looked at when there is something to send. */
async function shipUntil(place: Place, sink: Sink, what: string, condition: () => boolean): Promise<void> {
  const until = performance.now() + 20_000;
  for (let n = 0; !condition(); n += 1) {
    assert.ok(performance.now() < until, `Not within 20 s: ${what}`);
    await ship(place, sink, `${what} ${n}`);
  }
}

/** Whom the server takes the agent for, on its newest connection. */
function client(sink: Sink): string | undefined {
  const socket = sink.connections.at(-1);
  assert.ok(socket instanceof TLSSocket);
  const { CN } = socket.getPeerCertificate().subject;
  return Array.isArray(CN) ? CN[0] : CN;
}

/** A server that wants a certificate of its authority, and files of one for an agent. */
async function wanting(t: TestContext) {
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const ca = readFileSync(authority.caFile, "utf8");
  const sink = await startSink({ ...(await authority.issue()), ca, requestCert: true, rejectUnauthorized: true });
  t.after(() => sink.close());
  const files = join(place.root, "client");
  mkdirSync(files);
  const [certFile, keyFile] = [join(files, "cert.pem"), join(files, "key.pem")];
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: authority.caFile, LOGDNA_LOOKBACK: "start" };
  return { place, authority, sink, env, certFile, keyFile };
}

async function issueTo(authority: TestAuthority, name: string, certFile: string, keyFile: string): Promise<void> {
  const { cert, key } = await authority.issue({ names: [name] });
  replace(keyFile, key);
  replace(certFile, cert);
}

test("the agent shows its certificate, and a renewed one without a restart", async (t) => {
  const { place, authority, sink, env, certFile, keyFile } = await wanting(t);
  await issueTo(authority, "agent-1", certFile, keyFile);
  const args = ["--client-cert", certFile, "--client-key", keyFile];
  const agent = await startedAgent(t, { place, port: sink.port, env, args });
  const { pid } = agent;
  await ship(place, sink, "one");
  assert.equal(client(sink), "agent-1");
  await issueTo(authority, "agent-2", certFile, keyFile);
  await shipUntil(place, sink, "renewed", () => client(sink) === "agent-2");
  await agent.logged(({ event }) => event === "certificates_renewed");
  await eventually(
    () => sink.connections.slice(0, -1).every(({ destroyed }) => destroyed),
    "the old connection is closed",
  );
  assert.equal(agent.pid, pid);
  assert.ok(!agent.log().some(({ event }) => event === "restart_needed" || event === "config_reloaded"));
  assert.equal(await agent.stop(), 0);
});

test("a renewal that is not complete changes nothing until it is", async (t) => {
  const { place, authority, sink, env, certFile, keyFile } = await wanting(t);
  await issueTo(authority, "agent-1", certFile, keyFile);
  const variables = { ...env, LOGDNA_CLIENT_CERT_FILE: certFile, LOGDNA_CLIENT_KEY_FILE: keyFile };
  const agent = await startedAgent(t, { place, port: sink.port, env: variables });
  const { cert, key } = await authority.issue({ names: ["agent-2"] });
  replace(certFile, cert);
  const isTold = ({ event }: { event?: string }): boolean => event === "certificates_unusable";
  await shipUntil(place, sink, "half", () => agent.log().some(isTold));
  const { message } = await agent.logged(isTold);
  assert.ok(
    message.includes(`Cannot use the client key in ${keyFile}: it is not the key of the certificate in`),
    message,
  );
  assert.equal(client(sink), "agent-1");
  const connections = sink.connections.length;
  await eventually(() => {
    sink.closeIdle();
    return sink.connections.every(({ destroyed }) => destroyed);
  }, "the connection is idle, and closed");
  await ship(place, sink, "still");
  assert.ok(sink.connections.length > connections);
  assert.equal(client(sink), "agent-1");
  replace(keyFile, key);
  await shipUntil(place, sink, "whole", () => client(sink) === "agent-2");
  assert.equal(agent.log().filter(isTold).length, 1);
  assert.equal(await agent.stop(), 0);
});

test("certificate and key may be one file", async (t) => {
  const { place, authority, sink, env, certFile } = await wanting(t);
  const { cert, key } = await authority.issue({ names: ["agent"] });
  replace(certFile, `${key}${cert}`);
  const agent = await startedAgent(t, { place, port: sink.port, env: { ...env, MZ_CLIENT_CERT_FILE: certFile } });
  await ship(place, sink, "one");
  assert.equal(client(sink), "agent");
  assert.equal(await agent.stop(), 0);
});

test("a server that wants a certificate gets nothing from an agent without one", async (t) => {
  const { place, sink, env } = await wanting(t);
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const agent = await startedAgent(t, { place, port: sink.port, env });
  await agent.logged(
    ({ event, message }) =>
      event === "delivery_failed" && /wants a certificate of the agent.*CLIENT_CERT_FILE/.test(message),
    "what the server wants",
  );
  assert.deepEqual(sink.requests, []);
});

type Prepare = (authority: TestAuthority, certFile: string, keyFile: string) => Promise<void>;

const UNUSABLE: readonly (readonly [what: string, prepare: Prepare, says: RegExp])[] = [
  [
    "is not there",
    async (authority, certFile, keyFile) => {
      await issueTo(authority, "agent", certFile, keyFile);
      rmSync(keyFile);
    },
    /Cannot use the client key in \S+key\.pem: ENOENT/,
  ],
  [
    "is encrypted",
    async (authority, certFile, keyFile) => {
      await issueTo(authority, "agent", certFile, keyFile);
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const encrypted = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" } as const;
      replace(keyFile, privateKey.export(encrypted));
    },
    /Cannot use the client key in \S+key\.pem: it is encrypted, and only a key without a passphrase can be used/,
  ],
  [
    "is no key",
    async (authority, certFile, keyFile) => {
      await issueTo(authority, "agent", certFile, keyFile);
      replace(keyFile, "hidden-text\n");
    },
    /Cannot use the client key in \S+key\.pem: /,
  ],
  [
    "is that of another certificate",
    async (authority, certFile, keyFile) => {
      await issueTo(authority, "agent", certFile, keyFile);
      replace(keyFile, (await authority.issue()).key);
    },
    /Cannot use the client key in \S+key\.pem: it is not the key of the certificate in \S+cert\.pem/,
  ],
  [
    "has no certificate beside it",
    async (authority, certFile, keyFile) => {
      await issueTo(authority, "agent", certFile, keyFile);
      replace(certFile, "nothing\n");
    },
    /Cannot use the client certificate in \S+cert\.pem: it holds no PEM certificate/,
  ],
];

for (const [what, prepare, says] of UNUSABLE) {
  test(`a client key that ${what} keeps the agent from starting, with the file's name`, async (t) => {
    const { place, authority, sink, env, certFile, keyFile } = await wanting(t);
    await prepare(authority, certFile, keyFile);
    const args = ["--client-cert", certFile, "--client-key", keyFile];
    const agent = startAgent(t, { place, port: sink.port, env, args });
    assert.equal(await agent.ended, 22);
    assert.match(agent.output(), new RegExp(`^flag --client-(?:cert|key): ${says.source}`, "m"));
    assert.doesNotMatch(agent.output(), /PRIVATE KEY|hidden-text/);
  });
}

/** A server, and an agent that trusts the authorities in a file and a directory of its own. */
async function trusting(t: TestContext, first: "own" | "other") {
  const place = makePlace();
  const authorities = { own: await makeAuthority(place.root), other: await makeAuthority(place.root, "other") };
  const listed = join(place.root, "listed");
  for (const directory of ["trusted", "listed"]) mkdirSync(join(place.root, directory));
  const file = join(place.root, "trusted", "ca.pem");
  const trust = (name: "own" | "other"): void => replace(file, readFileSync(authorities[name].caFile, "utf8"));
  trust(first);
  const sink = await startSink(await authorities.own.issue());
  t.after(() => sink.close());
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_FILE: file, SSL_CERT_DIR: listed };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  return { place, sink, agent, trust, listed, caFile: authorities.own.caFile };
}

/** Resolves once the agent has said that it does not trust the server; neither a new start nor SIGHUP was needed for it. */
async function distrusts(agent: AgentProcess): Promise<void> {
  await agent.logged(({ event, message }) => event === "delivery_failed" && /does not trust/.test(message), "distrust");
}

function isTheFirstStart(agent: AgentProcess): void {
  assert.equal(agent.log().filter(({ event }) => event === "agent_started").length, 1);
  assert.ok(!agent.log().some(({ event }) => event === "config_reloaded"));
}

test("an authority that is put into the file counts without a restart", async (t) => {
  const { place, sink, agent, trust } = await trusting(t, "other");
  appendFileSync(join(place.logs, "a.log"), "one\n");
  await distrusts(agent);
  trust("own");
  await sink.until(() => sink.texts().includes("one"));
  isTheFirstStart(agent);
  assert.equal(await agent.stop(), 0);
});

test("one that is taken out counts no longer, also on the open connection; put into the directory, it counts", async (t) => {
  const { place, sink, agent, trust, listed, caFile } = await trusting(t, "own");
  await ship(place, sink, "one");
  trust("other");
  await eventually(() => {
    appendFileSync(join(place.logs, "a.log"), "withdrawn\n");
    return agent.log().some(({ event }) => event === "delivery_failed");
  }, "the server is not trusted any more");
  await distrusts(agent);
  copyFileSync(caFile, join(listed, "0a1b2c3d.0"));
  await ship(place, sink, "last");
  isTheFirstStart(agent);
  assert.equal(await agent.stop(), 0);
});

test("a link that leads nowhere, among the files of a directory, is told and keeps nothing from starting", async (t) => {
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const listed = join(place.root, "listed");
  mkdirSync(listed);
  copyFileSync(authority.caFile, join(listed, "0a1b2c3d.0"));
  symlinkSync(join(listed, "removed.pem"), join(listed, "1a2b3c4d.0"));
  const sink = await startSink(await authority.issue());
  t.after(() => sink.close());
  const env = { LOGDNA_USE_SSL: "true", SSL_CERT_DIR: listed };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const { level, path } = await agent.logged(({ event }) => event === "certificate_skipped");
  assert.deepEqual([level, path], ["warn", join(listed, "1a2b3c4d.0")]);
  await ship(place, sink, "one");
  assert.equal(await agent.stop(), 0);
});
