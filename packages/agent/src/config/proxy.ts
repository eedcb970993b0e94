import { isLoopback, passesBy } from "./no_proxy.ts";
import type { Settings } from "./options.ts";
import { MASK, Secret } from "./secret.ts";

/** An HTTP proxy that takes connections further by CONNECT (RFC 9110, 9.3.6). */
export interface HttpProxy {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** Whether the connection to the proxy itself is one of TLS. */
  readonly secure: boolean;
  /** User and password as `user:password`, not encoded; undefined where the URL has none. */
  readonly credentials: Secret | undefined;
}

/** Options that can name a proxy for the one destination. */
type ProxyOption = "proxy" | "httpsProxy" | "httpProxy" | "allProxy";

/** The proxy of a configuration, and the option that names it; or what is wrong with that option. */
export type ProxyChoice =
  | { readonly option: ProxyOption; readonly proxy: HttpProxy }
  | { readonly option: ProxyOption; readonly problem: string };

/**
 * The proxy on the way to a destination: the agent's own option, else the variables that curl reads for its scheme, lower
 * case first. `HTTP_PROXY` in upper case is not read: where programs are started by web servers, a client can set it
 * (https://httpoxy.org). What is not chosen is not looked at, since it may be meant for others.
 * @returns undefined where the connection is made directly.
 */
export function chooseProxy(settings: Settings, host: string, port: number): ProxyChoice | undefined {
  // Another host's loopback is not this one's.
  if (isLoopback(host) || passesBy(settings.noProxy, host, port)) return undefined;
  const options = ["proxy", settings.useSsl ? "httpsProxy" : "httpProxy", "allProxy"] as const;
  for (const option of options) {
    const url = settings[option];
    if (url === undefined) continue;
    const read = readProxy(url.reveal());
    return typeof read === "string" ? { option, problem: read } : { option, proxy: read };
  }
  return undefined;
}

const FORM = "it must be like http://proxy.example:3128, or https://user:password@proxy.example:3129";
const ESCAPES = "characters such as / ? # % @ in a user or password are written as %2F %3F %23 %25 %40";

/** A proxy from its URL, or what is wrong with it, in words that do not show the URL: it may hold a password. */
function readProxy(text: string): HttpProxy | string {
  // As in curl, a scheme can be left out.
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null) return `not the URL of a proxy: ${FORM}; ${ESCAPES}`;
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return `the proxy is one of ${url.protocol.slice(0, 10)}//, and only http:// and https:// proxies can be used`;
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    return `more follows the proxy's host and port than there can be: ${FORM}; ${ESCAPES}`;
  const secure = url.protocol === "https:";
  const credentials = credentialsOf(url);
  if (typeof credentials === "string") return credentials;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    secure,
    credentials,
  };
}

function credentialsOf({ username, password }: URL): Secret | string | undefined {
  if (username === "" && password === "") return undefined;
  let user: string;
  let pass: string;
  try {
    user = decodeURIComponent(username);
    pass = decodeURIComponent(password);
  } catch {
    return `the user or password of the proxy is not encoded as in URLs: ${ESCAPES}`;
  }
  if (user === MASK || pass === MASK)
    return `${MASK} is neither user nor password: it is what --list shows in the place of both`;
  // RFC 7617, 2: the first colon ends the user.
  if (user.includes(":")) return "the user of the proxy has a colon in it, which Basic authentication cannot convey";
  const both = `${user}:${pass}`;
  if (/\p{Cc}/u.test(both)) return "the user or password of the proxy has a control character in it";
  return new Secret(both);
}

/** A proxy as it can be shown: as a URL, its credentials masked. */
export function proxyText({ host, port, secure, credentials }: HttpProxy): string {
  const who = credentials === undefined ? "" : `${MASK}@`;
  return `${secure ? "https" : "http"}://${who}${host.includes(":") ? `[${host}]` : host}:${port}`;
}
