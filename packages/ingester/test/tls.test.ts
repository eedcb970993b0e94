import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from "node:tls";
import { ask } from "./requests.ts";
import { makeDirectory, runProgram, startServer } from "./server.ts";

const server = await startServer({ after }, { secure: true });
const { url, ca = "", dataDir, key } = server;
const port = Number(new URL(url).port);

/** A TLS connection to a server; rejects where it cannot be trusted. */
function handshake(options: ConnectionOptions, at = port): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ host: "127.0.0.1", port: at, ca, ...options }, () => resolve(socket));
  socket.on("error", reject);
  return promise.finally(() => socket.destroy());
}

test("HTTPS is what is spoken when nothing else is asked for", async () => {
  assert.ok(url.startsWith("https://127.0.0.1:"));
  await server.store("h", [{ line: "over TLS", app: "app" }]);
  assert.deepEqual(await server.texts({ host: "h" }), ["over TLS"]);
  await assert.rejects(ask(url.replace("https:", "http:")), "plain HTTP gets no answer on that port");
});

for (const name of ["localhost", "127.0.0.1", "::1", hostname()])
  test(`the certificate is good for ${name} with the authority's file, and for nobody without`, async () => {
    const named: ConnectionOptions = {
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    };
    assert.ok((await handshake(named)).authorized);
    await assert.rejects(handshake({ ...named, ca: [] }), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
  });

test("the certificate is not good for other names", async () => {
  await assert.rejects(handshake({ servername: "example.com" }), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  test(`${version} is spoken`, async () => {
    const socket = await handshake({ minVersion: version, maxVersion: version, servername: "localhost" });
    assert.equal(socket.authorized, true);
  });

for (const version of ["TLSv1", "TLSv1.1"] as const)
  test(`${version} is refused`, async () => {
    // Old versions need a lower level of security of OpenSSL, or the client would refuse them by itself.
    const old = { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await assert.rejects(handshake({ ...old, servername: "localhost" }), { code: /PROTOCOL_VERSION|ALERT/ });
  });

test("the authority can issue, the server's certificate cannot, and browsers accept how long it lives", () => {
  const authority = new X509Certificate(ca);
  const certificate = new X509Certificate(readFileSync(join(dataDir, "server.pem")));
  assert.deepEqual([authority.ca, certificate.ca], [true, false]);
  assert.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
  assert.ok(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom) <= 398 * 86_400_000);
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
});

test("nothing in the data directory can be read by others", () => {
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() || entry.isDirectory()) assert.equal(statSync(path).mode & 0o077, 0, path);
  }
  for (const name of ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "ingestion-key", "read-token"])
    assert.equal(statSync(join(dataDir, name)).mode & 0o777, 0o600, name);
});

test("the authority, the keys and the token stay after a restart; a further name gets a further certificate", async (t) => {
  const first = await startServer(t, { secure: true });
  await first.stop();
  const same = await startServer(t, { secure: true, dataDir: first.dataDir });
  assert.deepEqual([same.ca, same.key, same.token], [first.ca, first.key, first.token]);
  const at = Number(new URL(same.url).port);
  await assert.rejects(handshake({ ca: first.ca, servername: "logs.example.com" }, at));
  await same.stop();
  const args = ["--name", "logs.example.com, 192.0.2.7"];
  const named = await startServer(t, { secure: true, dataDir: first.dataDir, args });
  assert.equal(named.ca, first.ca);
  const namedAt = Number(new URL(named.url).port);
  for (const servername of ["logs.example.com", "localhost"])
    assert.ok((await handshake({ ca: first.ca, servername }, namedAt)).authorized);
  const certificate = new X509Certificate(readFileSync(join(first.dataDir, "server.pem")));
  assert.ok(certificate.checkIP("192.0.2.7") !== undefined);
});

test("a data directory that others could enter is closed to them when it is empty, or one of an earlier run", async (t) => {
  const open = makeDirectory();
  for (let run = 0; run < 2; run += 1) {
    chmodSync(open, 0o755);
    const server = await startServer(t, { dataDir: open });
    assert.equal(statSync(open).mode & 0o777, 0o700);
    await server.stop();
  }
});

for (const mode of [0o1777, 0o755, 0o710])
  test(`a directory of something else that others can enter, mode ${mode.toString(8)}, is left as it is`, async (t) => {
    const open = makeDirectory();
    writeFileSync(join(open, "theirs"), "");
    // A key that anybody could have put there makes it no directory of this server.
    symlinkSync("/etc/hostname", join(open, "ingestion-key"));
    chmodSync(open, mode);
    const { status, stdout, stderr } = await runProgram(t, ["--data-dir", open, "--listen", "127.0.0.1:0"]);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`Cannot use the data directory ${open}: .* run chmod 700 ${open}\\. .*--data-dir`));
    assert.equal(statSync(open).mode & 0o7777, mode);
    assert.deepEqual(readdirSync(open).toSorted(), ["ingestion-key", "theirs"]);
  });

test("a directory of something else that only its owner can enter is taken", async (t) => {
  const own = makeDirectory();
  writeFileSync(join(own, "lost+found"), "");
  await startServer(t, { dataDir: own });
});

test("a certificate of one's own is used, and no authority is made", async (t) => {
  const args = ["--tls-cert", join(dataDir, "server.pem"), "--tls-key", join(dataDir, "server-key.pem")];
  const own = await startServer(t, { secure: true, args });
  assert.equal(own.ready.caFile, undefined);
  assert.deepEqual(readdirSync(own.dataDir).toSorted(), ["ingestion-key", "read-token", "store"]);
  assert.ok((await handshake({ servername: "localhost" }, Number(new URL(own.url).port))).authorized);
  const { headers } = await ask(`${own.url}/health/live`, { ca });
  assert.match(String(headers["strict-transport-security"]), /^max-age=\d{7,}$/);
});

const WRONG: readonly (readonly [what: string, args: readonly string[], says: RegExp])[] = [
  ["a certificate that is not there", ["--tls-cert", "/nothing", "--tls-key", "/nothing"], /\/nothing.*--tls-cert/],
  [
    "a key that is not the certificate's",
    ["--tls-cert", join(dataDir, "server.pem"), "--tls-key", join(dataDir, "ca-key.pem")],
    /--tls-cert.*--tls-key/,
  ],
  ["a file that is no certificate", ["--tls-cert", "/etc/hostname", "--tls-key", "/etc/hostname"], /--tls-cert/],
];

for (const [what, args, says] of WRONG)
  test(`${what} is a clear error before anything is opened`, async (t) => {
    const directory = join(makeDirectory(), "data");
    const { status, stdout, stderr } = await runProgram(t, [
      "--data-dir",
      directory,
      "--listen",
      "127.0.0.1:0",
      ...args,
    ]);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, says);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  });

for (const listen of ["0.0.0.0:0", "[::]:0", "192.0.2.7:0", "example.com:0"])
  test(`plain HTTP on ${listen} is refused, by flag and by variable`, async (t) => {
    const directory = join(makeDirectory(), "data");
    const args = ["--data-dir", directory, "--listen", listen];
    for (const [further, env] of [
      [["--http"], {}],
      [[], { LOGDNA_INGESTER_HTTP: "true" }],
    ] as const) {
      const { status, stderr } = await runProgram(t, [...args, ...further], env);
      assert.equal(status, 22);
      assert.match(stderr, /--http is for loopback only, and .* is not: use HTTPS/);
    }
    assert.deepEqual(readdirSync(join(directory, "..")), [], "nothing was made");
  });

test("plain HTTP on loopback is spoken when asked for, with a cookie that HTTP can carry", async (t) => {
  const plain = await startServer(t);
  assert.ok(plain.url.startsWith("http://127.0.0.1:"));
  assert.equal(plain.ready.caFile, undefined);
  const { headers } = await ask(`${plain.url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: plain.token }),
  });
  assert.match(String(headers["set-cookie"]), /^reader=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  assert.equal(headers["strict-transport-security"], undefined);
});

test("the secrets are in no output", () => {
  assert.equal(server.complaints(), "");
  for (const secret of [key, server.token]) assert.ok(!server.stdout().includes(secret));
});
