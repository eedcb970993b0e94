import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ServerIdentity } from "./authority.ts";

/**
 * The identity that files hold, once it is known that TLS can use it.
 * @param read what a file holds.
 * @throws {Error} that names the files; its cause is what the system said.
 */
export function givenIdentity(
  certFile: string,
  keyFile: string,
  read = (file: string): string => readFileSync(file, "utf8"),
): ServerIdentity {
  try {
    const identity = { cert: read(certFile), key: read(keyFile) };
    createSecureContext(identity);
    return identity;
  } catch (error) {
    throw new Error(
      `Cannot use the certificate ${certFile} with the key ${keyFile}: ${error instanceof Error ? error.message : error}. Check --tls-cert and --tls-key.`,
      { cause: error },
    );
  }
}
