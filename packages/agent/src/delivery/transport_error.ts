/** The exchange failed; there was no answer. `code` is the system's or TLS's name for it. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: string;
  /** Milliseconds that another attempt should wait at least, where only a person can put it right. */
  readonly waitMs: number | undefined;

  constructor(code: string, message: string, waitMs?: number) {
    super(message);
    this.code = code;
    this.waitMs = waitMs;
  }
}

/** The code of an exchange that ran out of time with a part of the request written: the server cannot have taken it. */
export const PARTLY_WRITTEN = "PARTLY_WRITTEN";

const UNTRUSTED =
  "its certificate comes from an authority that this machine does not trust: name its CA file with SSL_CERT_FILE";
const UNSAFE = "it speaks no TLS version that is safe to use (1.2 or later)";
const CLIENT_CERTIFICATE = "it does not take the agent's certificate: check CLIENT_CERT_FILE, and its authority there";

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired: renew it there, or check this machine's clock",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name: check the configured host",
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed: name it with SSL_CERT_FILE if it is the right one",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  ECONNREFUSED: "nothing listens there: check that the server runs and the port is right",
  ECONNRESET: "it closed the connection before its answer was complete",
  ETIMEDOUT: "nothing came back from it in time: check the host and the port, and what is in between that may block it",
  ENETUNREACH: "this machine has no route to its network: check the network and the routes",
  EHOSTUNREACH: "it cannot be reached: check that it is up, the routes, and what is in between that may block it",
  HPE_HEADER_OVERFLOW: "the headers of its answer are too large",
  ENOTFOUND: "the name is not known to DNS: check the configured host",
  EAI_AGAIN: "DNS does not answer",
  EPROTO: "it does not speak TLS 1.2 or later there: check the port, and --use-ssl",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there: check the port, and --use-ssl",
  ERR_SSL_UNSUPPORTED_PROTOCOL: UNSAFE,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: UNSAFE,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    "it wants a certificate of the agent, and none is configured: set CLIENT_CERT_FILE",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the agent's certificate has expired: renew CLIENT_CERT_FILE",
};

/** Where a proxy, in the place of the server, calls for something else. */
const PROXY_REASONS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name: check the proxy's URL",
  ECONNREFUSED: "nothing listens there: check that the proxy runs and its port is right",
  ECONNRESET: "it closed the connection instead of answering",
  ENOTFOUND: "its name is not known to DNS: check the proxy's URL",
  EPROTO: "it does not speak TLS 1.2 or later there: check the port, and whether its URL begins with http://",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there: check the port, and whether its URL begins with http://",
};

/** What went wrong between the agent and a server, or a proxy, for people. */
export function reasonOf(error: Error & { code?: string }, who: "server" | "proxy"): string {
  // Of a name with several addresses each was tried, and the error as a whole has no message.
  if (error instanceof AggregateError && error.errors.length > 0)
    return [...new Set((error.errors as Error[]).map((each) => reasonOf(each, who)))].join("; ");
  const { code = "UNKNOWN" } = error;
  const known = (who === "proxy" ? PROXY_REASONS[code] : undefined) ?? REASONS[code];
  // The message of a parser's error quotes nothing; that of others is the system's.
  return known ?? (code.startsWith("HPE_") ? `what answers there is not HTTP (${code})` : error.message);
}

/**
 * A text of the other side as a part of a message: on one line, not long, and without secrets.
 * @param conceal takes the secrets out, before the text is cut: the beginning of one would not be found.
 */
export function quoted(text: string, length: number, conceal: (text: string) => string = String): string {
  return conceal(text)
    .slice(0, length)
    .replace(/\p{Cc}+/gu, " ")
    .trim();
}
