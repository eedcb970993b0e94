import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Authority, privateIdentity } from "./authority.ts";

const root = mkdtempSync(join(tmpdir(), "authority-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const NAMES = ["localhost", "127.0.0.1"];
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);

/** Issues identities in a directory of its own, at times that are given in days. */
function issuer(): (day: number, names?: readonly string[]) => Promise<Authority & { ca: string }> {
  directories += 1;
  const directory = mkdtempSync(join(root, `${directories}-`));
  return async (day, names = NAMES) => {
    const authority = await privateIdentity(directory, names, NOW + day * DAY_MS);
    const ca = readFileSync(authority.caFile, "utf8");
    const certificate = new X509Certificate(authority.identity.cert);
    assert.ok(certificate.verify(new X509Certificate(ca).publicKey));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(authority.identity.key)));
    assert.ok(Date.parse(certificate.validFrom) < NOW + day * DAY_MS);
    return { ...authority, ca };
  };
}

test("an identity is kept as long as it is good for the names and for a while to come", async () => {
  const at = issuer();
  const first = await at(0);
  assert.deepEqual(await at(300), first);
  assert.deepEqual(await at(300, ["localhost"]), first);
});

test("an identity is renewed before it ends, by the same authority", async () => {
  const at = issuer();
  const first = await at(0);
  const renewed = await at(390);
  assert.equal(renewed.ca, first.ca);
  assert.notEqual(renewed.identity.cert, first.identity.cert);
  assert.ok(Date.parse(new X509Certificate(renewed.identity.cert).validTo) > NOW + 700 * DAY_MS);
});

test("an authority is replaced before it ends, with what it issued", async () => {
  const at = issuer();
  const first = await at(0);
  const replaced = await at(3640);
  assert.notEqual(replaced.ca, first.ca);
  assert.deepEqual(await at(3650), replaced);
});

test("a certificate whose key is another's, as after a crash in between the two files, is issued again", async () => {
  const at = issuer();
  const first = await at(0);
  const other = await issuer()(0);
  writeFileSync(join(first.caFile, "../server-key.pem"), other.identity.key);
  const again = await at(1);
  assert.equal(again.ca, first.ca);
});
