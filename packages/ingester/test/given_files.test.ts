import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
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
import { connect } from "node:tls";
import { privateIdentity } from "../src/tls/authority.ts";
import { makeDirectory, makePassable, runProgram, startServer } from "./server.ts";
import { assertPowerless, NOBODY } from "./status.ts";

const skip = process.geteuid?.() === 0 ? false : "needs root, to have something to give away";
const REQUIRED = { LOGDNA_INGESTER_CONFINEMENT: "required" };

/** A certificate with its key, in two files. */
async function identityIn(directory: string): Promise<{ cert: string; key: string }> {
  mkdirSync(directory, { recursive: true });
  await privateIdentity(directory, ["localhost", "127.0.0.1"]);
  return { cert: join(directory, "server.pem"), key: join(directory, "server-key.pem") };
}

/** The serial number of the certificate that is shown at a URL. */
async function shownAt(url: string): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), rejectUnauthorized: false }, () =>
    resolve(socket.getPeerX509Certificate()?.serialNumber),
  );
  socket.on("error", reject);
  return promise.finally(() => socket.destroy());
}

/** Files as a certificate client of root's keeps them: links, in directories that root alone may enter, to numbered files. */
async function clientFiles(): Promise<{ live: string; args: string[]; renew: () => Promise<void> }> {
  const root = makeDirectory();
  const [live, archive] = [join(root, "live"), join(root, "archive")];
  mkdirSync(live);
  mkdirSync(archive);
  let number = 0;
  const renew = async (): Promise<void> => {
    number += 1;
    const { cert, key } = await identityIn(join(root, `made-${number}`));
    copyFileSync(cert, join(archive, `cert${number}.pem`));
    copyFileSync(key, join(archive, `key${number}.pem`));
    for (const name of ["cert", "key"]) {
      symlinkSync(`../archive/${name}${number}.pem`, join(live, `${name}.new`));
      renameSync(join(live, `${name}.new`), join(live, `${name}.pem`));
    }
  };
  await renew();
  return { live, args: ["--tls-cert", join(live, "cert.pem"), "--tls-key", join(live, "key.pem")], renew };
}

test("a key that root alone may read is used, and when it was renewed the server ends with 75, to be started anew", {
  skip,
}, async (t) => {
  const { args, renew } = await clientFiles();
  const options = { dataDir: join(makePassable(), "data"), secure: true, args, env: REQUIRED };
  const first = await startServer(t, options);
  assertPowerless(first.child.pid, NOBODY);
  const serial = await shownAt(first.url);
  await renew();
  assert.equal(await first.ended, 75);
  assert.match(first.stderr(), /"level":"warn".*live\/key\.pem has changed, and user 65534 may not read both/);
  const second = await startServer(t, options);
  assert.notEqual(await shownAt(second.url), serial);
  assert.equal(await second.stop(), 0);
});

test("a key that the server may read is taken up when it was renewed, without a new start", { skip }, async (t) => {
  const place = makePassable();
  const directory = join(place, "tls");
  const { cert, key } = await identityIn(directory);
  const readable = (): void => {
    chmodSync(directory, 0o755);
    for (const file of [cert, key]) chownSync(file, 0, NOBODY);
    for (const file of [cert, key]) chmodSync(file, 0o640);
  };
  readable();
  const args = ["--tls-cert", cert, "--tls-key", key];
  const server = await startServer(t, { dataDir: join(place, "data"), secure: true, args, env: REQUIRED });
  const serial = await shownAt(server.url);
  for (const file of [cert, key]) rmSync(file);
  await identityIn(directory);
  readable();
  await changed(t, async () => (await shownAt(server.url)) !== serial);
  assertPowerless(server.child.pid, NOBODY);
  assert.equal(await server.stop(), 0);
});

test("keys and a token that root alone may read are used", { skip }, async (t) => {
  const root = makeDirectory();
  const [keys, token] = [join(root, "keys"), join(root, "token")];
  writeFileSync(keys, "key-1\nkey-2\n", { mode: 0o600 });
  writeFileSync(token, "the-token\n", { mode: 0o600 });
  const args = ["--ingestion-key-file", keys, "--token-file", token];
  const server = await startServer(t, { dataDir: join(makePassable(), "data"), args, env: REQUIRED });
  await server.store("h", [{ line: "one", app: "app" }], { headers: { apikey: "key-2" } });
  assert.deepEqual(await server.texts({ host: "h" }), ["one"]);
  for (const shown of ["cmdline", "environ"])
    assert.doesNotMatch(readFileSync(`/proc/${server.child.pid}/${shown}`, "latin1"), /key-1|the-token/);
});

test("a file that an ordinary user may not read is an error that names file and user, and what to do", {
  skip,
}, async (t) => {
  const uid = 64_000;
  const { live, args } = await clientFiles();
  const dataDir = join(makePassable(), "data");
  mkdirSync(dataDir, { mode: 0o700 });
  chownSync(dataDir, uid, uid);
  const line = ["--data-dir", dataDir, "--listen", "127.0.0.1:0", ...args];
  const { status, stderr } = await runProgram(t, line, REQUIRED, { node: [], user: { uid, gid: uid } });
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`${live}/cert.pem.* as user ${uid}: .*EACCES.*setfacl -m u:${uid}:r`));
});

/** Resolves once the condition holds, which is asked for again and again. */
async function changed(t: TestContext, condition: () => Promise<boolean>): Promise<void> {
  const until = AbortSignal.any([t.signal, AbortSignal.timeout(30_000)]);
  while (!(await condition())) until.throwIfAborted();
}
