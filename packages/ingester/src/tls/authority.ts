import "reflect-metadata";
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  X509Certificate as IssuedCertificate,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { readIfThere, TLS_FILES, writePrivate } from "../private_files.ts";

/** Key and certificate of a server in PEM form. */
export interface ServerIdentity {
  readonly key: string;
  readonly cert: string;
}

/** The private authority of this server, and what it has issued. */
export interface Authority {
  /** The file that agents and browsers have to trust. */
  readonly caFile: string;
  readonly identity: ServerIdentity;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** Browsers refuse server certificates that are valid for more than 398 days. */
const SERVER_DAYS = 397;
const RENEW_BEFORE_DAYS = 30;

/**
 * The identity of the server at these names: kept in `directory`, made on the first run, issued anew when it is about to expire or
 * when a name is missing. The authority's key never leaves the directory; all files are 0600.
 */
export async function privateIdentity(
  directory: string,
  names: readonly string[],
  now = Date.now(),
): Promise<Authority> {
  const files = {
    ca: join(directory, TLS_FILES.ca),
    caKey: join(directory, TLS_FILES.caKey),
    cert: join(directory, TLS_FILES.cert),
    key: join(directory, TLS_FILES.key),
  };
  let ca = readIfThere(files.ca);
  let caKey = readIfThere(files.caKey);
  const renewAt = now + RENEW_BEFORE_DAYS * DAY_MS;
  if (ca === undefined || caKey === undefined || expiry(ca) < renewAt) {
    ({ cert: ca, key: caKey } = await makeAuthority(now));
    writePrivate(files.caKey, caKey);
    writePrivate(files.ca, ca);
  }
  const kept = { cert: readIfThere(files.cert) ?? "", key: readIfThere(files.key) ?? "" };
  if (kept.cert !== "" && kept.key !== "" && serves(kept, ca, names) && expiry(kept.cert) > renewAt)
    return { caFile: files.ca, identity: kept };
  const identity = await issue(ca, caKey, names, now);
  writePrivate(files.key, identity.key);
  writePrivate(files.cert, identity.cert);
  return { caFile: files.ca, identity };
}

function expiry(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo);
}

function serves({ cert, key }: ServerIdentity, ca: string, names: readonly string[]): boolean {
  const certificate = new X509Certificate(cert);
  const issued = certificate.verify(new X509Certificate(ca).publicKey);
  // The two files are written one after the other, and a crash may have come in between.
  const fits = issued && identifiesKeys(cert) && certificate.checkPrivateKey(createPrivateKey(key));
  return fits && names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)));
}

/** True for a certificate that says which keys it is of and by (RFC 5280, 4.2.1.1): strict clients refuse others. */
function identifiesKeys(pem: string): boolean {
  const certificate = new IssuedCertificate(pem);
  const [subject, issuer] = [SubjectKeyIdentifierExtension, AuthorityKeyIdentifierExtension];
  return certificate.getExtension(subject) !== null && certificate.getExtension(issuer) !== null;
}

async function makeAuthority(now: number): Promise<ServerIdentity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=logdna-ingester private authority ${new Date(now).toISOString().slice(0, 10)}`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString("pem"), key: await privatePem(keys.privateKey) };
}

async function issue(ca: string, caKey: string, names: readonly string[], now: number): Promise<ServerIdentity> {
  const authority = new IssuedCertificate(ca);
  const pkcs8 = Buffer.from(caKey.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  const signingKey = await webcrypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    subject: "CN=logdna-ingester",
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + SERVER_DAYS * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      await AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      new SubjectAlternativeNameExtension(
        names.map((name) => (isIP(name) ? { type: "ip", value: name } : { type: "dns", value: name })),
      ),
    ],
  });
  return { cert: certificate.toString("pem"), key: await privatePem(keys.privateKey) };
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${base64.replaceAll(/(.{64})/g, "$1\n").trimEnd()}\n-----END PRIVATE KEY-----\n`;
}
