import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { rootCertificates } from "node:tls";
import { TlsFiles, type TlsPaths } from "./tls_files.ts";

const [GOOD = ""] = rootCertificates;
const BROKEN = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";

/** What can be beside good files in a directory of authorities, and what is said of it. */
const UNUSABLE: readonly (readonly [what: string, make: (path: string) => void, says: RegExp])[] = [
  ["a link that leads nowhere", (path) => symlinkSync("/nowhere/old-ca.crt", path), /ENOENT/],
  ["a link to itself", (path) => symlinkSync(path, path), /ELOOP/],
  ["a directory", (path) => mkdirSync(path), /EISDIR/],
  ["a certificate that cannot be parsed", (path) => writeFileSync(path, GOOD + BROKEN), /\S/],
];

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "authorities-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function open(paths: Partial<TlsPaths>, told: string[][] = []): TlsFiles {
  const none = { caFile: undefined, caDir: undefined, clientCertFile: undefined, clientKeyFile: undefined };
  return new TlsFiles({ ...none, ...paths }, (path, problem) => told.push([path, problem]));
}

for (const [what, make, says] of UNUSABLE) {
  test(`in a directory of authorities ${what} is passed over, and told once`, (t) => {
    const caDir = directory(t);
    const path = join(caDir, "1a2b3c4d.0");
    writeFileSync(join(caDir, "good.pem"), GOOD);
    make(path);
    const told: string[][] = [];
    let now = 0;
    t.mock.method(performance, "now", () => now);
    const files = open({ caDir }, told);
    const before = files.server;
    // Another look, since another file has come.
    writeFileSync(join(caDir, "other.pem"), GOOD);
    now += 2000;
    assert.equal(files.renew(), true);
    assert.notEqual(files.server, before);
    assert.deepEqual(
      told.map(([of]) => of),
      [path],
    );
    assert.match(told[0]?.[1] ?? "", says);
  });

  test(`${what} alone in a directory of authorities is an error`, (t) => {
    const caDir = directory(t);
    make(join(caDir, "1a2b3c4d.0"));
    const told: string[][] = [];
    assert.throws(() => open({ caDir }, told), new RegExp(`Cannot use the CA certificates in ${caDir}: none of its`));
    assert.deepEqual(told, []);
  });

  test(`${what} in the place of the file of authorities is an error`, (t) => {
    const caFile = join(directory(t), "ca.pem");
    make(caFile);
    assert.throws(() => open({ caFile }), new RegExp(`Cannot use the CA certificates in ${caFile}: `));
  });
}

test("a directory without files of certificates adds nothing", (t) => {
  const caDir = directory(t);
  writeFileSync(join(caDir, "README"), "");
  open({ caDir });
  assert.throws(() => open({ caDir: join(caDir, "missing") }), /ENOENT/);
});
