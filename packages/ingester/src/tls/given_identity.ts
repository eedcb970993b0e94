import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ServerIdentity } from "./authority.ts";

/** The identity that files hold, once it is known that TLS can use it. @throws {Error} that names the files. */
export function givenIdentity(certFile: string, keyFile: string): ServerIdentity {
  try {
    const identity = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
    createSecureContext(identity);
    return identity;
  } catch (error) {
    throw new Error(
      `Cannot use the certificate ${certFile} with the key ${keyFile}: ${error instanceof Error ? error.message : error}. Check --tls-cert and --tls-key.`,
    );
  }
}
