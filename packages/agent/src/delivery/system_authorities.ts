import { getCACertificates } from "node:tls";

/** What another image of the program has read, as one text. */
let taken: string | undefined;

/**
 * Takes the authorities that another image of the program has read. Once Node has read them it keeps each certificate
 * for as long as the process lives, as it was parsed and as text: 4 MB.
 * @param text PEM.
 */
export function takeAuthorities(text: string): void {
  taken = text;
}

/** The certificates of the system's authorities, or Node's own where the system has none; each item may hold several, in PEM form. */
export function systemAuthorities(): readonly string[] {
  if (taken !== undefined) return [taken];
  const system = new Set(readAuthorities());
  return system.size > 0 ? [...system] : getCACertificates("bundled");
}

/** Node takes these variables for the places of the system's certificates, instead of its own; here they add to them. */
function readAuthorities(): string[] {
  const { SSL_CERT_FILE, SSL_CERT_DIR } = process.env;
  delete process.env.SSL_CERT_FILE;
  delete process.env.SSL_CERT_DIR;
  try {
    return getCACertificates("system");
  } finally {
    if (SSL_CERT_FILE !== undefined) process.env.SSL_CERT_FILE = SSL_CERT_FILE;
    if (SSL_CERT_DIR !== undefined) process.env.SSL_CERT_DIR = SSL_CERT_DIR;
  }
}
