import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** A certificate authority made for one test, and what it can issue. */
export interface TestAuthority {
  /** PEM file with the authority's certificate. */
  readonly caFile: string;
  /** A certificate for names or addresses with its key, in PEM form. */
  issue(options?: {
    readonly names?: readonly string[];
    /** From now; negative when it has begun already. */
    readonly validFromMs?: number;
    readonly validForMs?: number;
  }): Promise<{ key: string; cert: string }>;
}

/** Makes an authority whose certificate is written to `directory`. */
export async function makeAuthority(directory: string, name = "test authority"): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const now = Date.now();
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - 30 * DAY_MS),
    notAfter: new Date(now + 30 * DAY_MS),
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  const caFile = join(directory, `${name.replaceAll(" ", "-")}.pem`);
  writeFileSync(caFile, authority.toString("pem"), { mode: 0o600 });
  return {
    caFile,
    async issue({ names = ["localhost"], validFromMs = -2 * DAY_MS, validForMs = DAY_MS } = {}) {
      const server = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create({
        subject: `CN=${names[0]}`,
        issuer: authority.subject,
        publicKey: server.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(now + validFromMs),
        notAfter: new Date(now + validForMs),
        extensions: [
          new SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) > 0 ? "ip" : "dns", value }))),
        ],
      });
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", server.privateKey)).toString("base64");
      const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
      return { key, cert: certificate.toString("pem") };
    },
  };
}
