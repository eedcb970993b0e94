import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { readSmallFile } from "../config/small_file.ts";
import { systemAuthorities } from "./system_authorities.ts";
import { TransportError } from "./transport_error.ts";

/** Where certificates and keys are, all in PEM form. */
export interface TlsPaths {
  /** A file of further CA certificates. */
  readonly caFile: string | undefined;
  /** A directory of such files. */
  readonly caDir: string | undefined;
  /** The certificate that the agent shows, with those between it and its authority. */
  readonly clientCertFile: string | undefined;
  /** Its key. */
  readonly clientKeyFile: string | undefined;
}

/** Bytes of one file; all authorities of a system are a quarter of a MiB. */
const MOST_BYTES = 1 << 24;

/** How often the files are looked at, in milliseconds: a renewal counts within that. */
const LOOK_MS = 1000;

/**
 * What connections of TLS are made with, read from files that may be renewed while the agent runs. System authorities are
 * those of the process's start.
 */
export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #onSkipped: (path: string, problem: string) => void;
  /** What was said of the files that cannot be used now. */
  #skipped: ReadonlyMap<string, string> = new Map();
  #seen: string;
  #lookedAt = performance.now();
  #server: SecureContext;
  #proxy: SecureContext;

  /**
   * @param onSkipped told, once for each file and problem, of files in the directory that cannot be used, while others can.
   * @throws {TransportError} when a file that is named, or all of the directory, cannot be read or used.
   */
  constructor(paths: TlsPaths, onSkipped: (path: string, problem: string) => void = () => undefined) {
    this.#paths = paths;
    this.#onSkipped = onSkipped;
    this.#seen = fingerprint(paths);
    [this.#server, this.#proxy] = this.#contexts();
  }

  /** For the server: trusts its authority, and shows the agent's certificate. */
  get server(): SecureContext {
    return this.#server;
  }

  /** For a proxy, which is not shown the agent's certificate. */
  get proxy(): SecureContext {
    return this.#proxy;
  }

  /**
   * Looks whether the files are others now, and reads them again then. Files that cannot be used change nothing; they are
   * read again when they change once more.
   * @returns whether there is something new.
   * @throws {TransportError} when there is, and it cannot be used.
   */
  renew(): boolean {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return false;
    this.#lookedAt = now;
    // Before they are read: what changes meanwhile is seen the next time.
    const seen = fingerprint(this.#paths);
    if (seen === this.#seen) return false;
    this.#seen = seen;
    [this.#server, this.#proxy] = this.#contexts();
    return true;
  }

  /** The contexts for the server and for a proxy; one and the same where they need not differ. */
  #contexts(): readonly [server: SecureContext, proxy: SecureContext] {
    const { certificates, skipped } = authorities(this.#paths);
    for (const [path, problem] of skipped) if (this.#skipped.get(path) !== problem) this.#onSkipped(path, problem);
    this.#skipped = skipped;
    return contextsOf(this.#paths, certificates);
  }
}

/** The files as stat(2) tells them apart: another file under the name, another content, and permission to read it. */
function fingerprint({ caFile, caDir, clientCertFile, clientKeyFile }: TlsPaths): string {
  const listed = (): string[] => (caDir === undefined ? [] : certificatesIn(caDir));
  const files = [caFile, clientCertFile, clientKeyFile, ...orElse(listed, [])].filter((path) => path !== undefined);
  return files
    .map((path) => {
      const stat = orElse(() => statSync(path, { bigint: true }), undefined);
      return `${path} ${stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ")}`;
    })
    .join("\n");
}

function orElse<T, E>(act: () => T, otherwise: E): T | E {
  try {
    return act();
  } catch {
    return otherwise;
  }
}

function contextsOf(paths: TlsPaths, ca: string[]): readonly [server: SecureContext, proxy: SecureContext] {
  const options = { minVersion: "TLSv1.2", ca } as const;
  try {
    const plain = createSecureContext(options);
    const own = ownCertificate(paths);
    return [own === undefined ? plain : createSecureContext({ ...options, ...own }), plain];
  } catch (error) {
    if (error instanceof TransportError) throw error;
    throw new TransportError("TLS", `Cannot prepare TLS: ${messageOf(error)}.`);
  }
}

/** What is trusted, and why files of the directory are not among that. */
interface Authorities {
  readonly certificates: string[];
  readonly skipped: ReadonlyMap<string, string>;
}

/**
 * The system's certificates, or Node's own where the system has none, and those of a file and a directory. Made once and not
 * for each connection: reading the few hundred files of a system takes 35 ms.
 *
 * In a directory a link of an authority that was removed, or a file that is half written, says nothing against the others.
 * @throws {TransportError} when the file cannot be used, or the directory, or none of its files.
 */
function authorities({ caFile, caDir }: TlsPaths): Authorities {
  const trusted = new Set(systemAuthorities());
  const skipped = new Map<string, string>();
  try {
    if (caFile !== undefined) {
      const certificates = certificatesOf(caFile);
      if (certificates.length === 0) throw new Error("it holds no PEM certificate");
      for (const certificate of certificates) trusted.add(certificate);
    }
  } catch (error) {
    throw unusable("SSL_CERT_FILE", `${caFile}: ${messageOf(error)}`);
  }
  try {
    let used = 0;
    for (const path of caDir === undefined ? [] : certificatesIn(caDir)) {
      try {
        const certificates = certificatesOf(path);
        used += certificates.length;
        for (const certificate of certificates) trusted.add(certificate);
      } catch (error) {
        skipped.set(path, messageOf(error));
      }
    }
    const [problem] = skipped.values();
    if (used === 0 && problem !== undefined) throw new Error(`none of its files can be used, such as for: ${problem}`);
  } catch (error) {
    throw unusable("SSL_CERT_DIR", `${caDir}: ${messageOf(error)}`);
  }
  return { certificates: [...trusted], skipped };
}

function unusable(option: string, problem: string): TransportError {
  return new TransportError(option, `Cannot use the CA certificates in ${problem}.`);
}

/** The certificates in a file. What cannot be parsed would be passed over without a word, and then no server is trusted. */
function certificatesOf(path: string): string[] {
  const found = readSmallFile(path, MOST_BYTES).match(CERTIFICATE) ?? [];
  return found.map((certificate) => new X509Certificate(certificate).toString());
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;
/** PKCS #8 has its own label (RFC 7468, 11); the older forms say it in a header (RFC 1421, 4.6.1.1). */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/** The agent's own certificate and key, for the server to know it by. */
function ownCertificate({ clientCertFile, clientKeyFile }: TlsPaths): { cert: string; key: string } | undefined {
  if (clientCertFile === undefined || clientKeyFile === undefined) return undefined;
  const [first, ...others] = reading("certificate", clientCertFile, (text) => {
    const found = text.match(CERTIFICATE) ?? [];
    if (found.length === 0) throw new Error("it holds no PEM certificate");
    return found.map((certificate) => new X509Certificate(certificate));
  });
  const key = reading("key", clientKeyFile, (text) => {
    if (ENCRYPTED.test(text)) throw new Error("it is encrypted, and only a key without a passphrase can be used");
    const parsed = createPrivateKey(text);
    if (first?.checkPrivateKey(parsed) !== true)
      throw new Error(`it is not the key of the certificate in ${clientCertFile}`);
    return text;
  });
  return { cert: [first, ...others].join("\n"), key };
}

function reading<T>(what: "certificate" | "key", path: string, use: (text: string) => T): T {
  try {
    return use(readSmallFile(path, MOST_BYTES));
  } catch (error) {
    // What OpenSSL says of a key that is none quotes nothing of it.
    const code = what === "key" ? "CLIENT_KEY_FILE" : "CLIENT_CERT_FILE";
    throw new TransportError(code, `Cannot use the client ${what} in ${path}: ${messageOf(error)}.`);
  }
}

/** The files of a directory that certificates are in, by their usual names or by OpenSSL's hashes. */
function certificatesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /\.(?:pem|crt|cer|\d)$/.test(name))
    .map((name) => join(directory, name));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
