import "reflect-metadata";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  AuthorityKeyIdentifierExtension,
  X509Certificate as IssuedCertificate,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
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

const noOpenssl = spawnSync("openssl", ["version"]).error === undefined ? false : "openssl is missing";

test("a client that is strict about certificates takes what is issued", { skip: noOpenssl }, async () => {
  const { caFile } = await privateIdentity(mkdtempSync(join(root, "strict-")), NAMES);
  const args = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile", caFile];
  const { status, stderr } = spawnSync("openssl", [...args, join(caFile, "../server.pem")], { encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("a certificate of an earlier version, which does not say whose key it is signed with, is issued again", async () => {
  const at = issuer();
  const first = await at(0);
  writeFileSync(join(first.caFile, "../server.pem"), await withoutIdentifiers(first));
  const again = await at(1);
  assert.equal(again.ca, first.ca);
  assert.ok(new IssuedCertificate(again.identity.cert).getExtension(AuthorityKeyIdentifierExtension));
  assert.deepEqual(await at(1), again);
});

/** The same certificate as an earlier version would have issued it. */
async function withoutIdentifiers({ identity, ca, caFile }: Authority & { ca: string }): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pkcs8 = createPrivateKey(readFileSync(join(caFile, "../ca-key.pem"))).export({ format: "der", type: "pkcs8" });
  const issued = new IssuedCertificate(identity.cert);
  const certificate = await X509CertificateGenerator.create({
    subject: issued.subject,
    issuer: new IssuedCertificate(ca).subject,
    publicKey: issued.publicKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]),
    signingAlgorithm: algorithm,
    notBefore: issued.notBefore,
    notAfter: issued.notAfter,
    extensions: issued.extensions.filter(
      (extension) =>
        !(extension instanceof AuthorityKeyIdentifierExtension || extension instanceof SubjectKeyIdentifierExtension),
    ),
  });
  return certificate.toString("pem");
}
