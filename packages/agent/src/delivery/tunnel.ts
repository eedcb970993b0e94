import { Buffer } from "node:buffer";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket, type TcpNetConnectOpts } from "node:net";
import type { SecureContext } from "node:tls";
import { type HttpProxy, proxyText } from "../config/proxy.ts";
import { request as httpRequest } from "../http.ts";
import { retryAfterMs } from "./retry_after.ts";
import { quoted, reasonOf, TransportError } from "./transport_error.ts";

/** What is connected to through a proxy. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What a tunnel goes through. */
export interface TunnelOptions {
  readonly proxy: HttpProxy;
  /** What a proxy's certificate is verified with. */
  readonly context: SecureContext | undefined;
  /** Takes secrets out of what a proxy says. */
  readonly conceal: ((text: string) => string) | undefined;
  /** Milliseconds after which an address of several is given up for the next. */
  readonly addressMs: number;
}

/**
 * Milliseconds between attempts where a proxy refuses: a password that is wrong stays so, and some directories lock a user
 * out after a few of them.
 */
const REFUSED_WAIT_MS = 10_000;

/**
 * Milliseconds for a connection to one address of a name that has several. Node's own half a second is too little for a link
 * by satellite, or for one lost packet; of a quarter, three addresses that lead nowhere leave time for a fourth.
 * @param timeoutMs for all of them.
 */
export function addressMs(timeoutMs: number): number {
  return Math.max(10, Math.round(timeoutMs / 4));
}

/**
 * Asks a proxy for a connection to a server: CONNECT (RFC 9110, 9.3.6), with Basic authentication (RFC 7617) where its URL
 * has credentials. Not left to Node's own `proxyEnv`: that has no bound on a proxy that is silent, as what it waits for is no
 * part of the request that is given up, and trusts other authorities than the agent for a proxy of TLS.
 *
 * @param signal gives up, and closes the connection; its reason is the error, if it is a `TransportError`.
 * @throws {TransportError} when there is no tunnel; it says why, and shows neither user nor password.
 */
export async function openTunnel(
  { proxy, context, conceal, addressMs }: TunnelOptions,
  target: Target,
  signal: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<[IncomingMessage, Socket, Buffer]>();
  let request: ClientRequest | undefined;
  try {
    request = connectRequest(proxy, target, { context, addressMs }, signal);
    request.on("connect", (response, socket, head) => resolve([response, socket, head]));
    request.on("error", reject);
    request.on("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    request.end();
    const [response, socket, head] = await promise;
    // It is nobody's until it is handed over; an error that comes meanwhile closes it, which the next one sees.
    socket.on("error", () => undefined);
    const { statusCode = 0 } = response;
    const refusal = statusCode >= 200 && statusCode < 300 ? undefined : refusalOf(response, proxy, target, conceal);
    if (refusal === undefined && head.length === 0) return socket;
    socket.destroy();
    throw refusal ?? failure(proxy, target, "EPROTO", "it sends more than the answer to CONNECT, before it is asked");
  } catch (error) {
    request?.destroy();
    if (signal.reason instanceof TransportError) throw signal.reason;
    if (error instanceof TransportError || !(error instanceof Error)) throw error;
    const { code = "UNKNOWN" } = error as Error & { code?: string };
    throw failure(proxy, target, code, reasonOf(error, "proxy"));
  }
}

function connectRequest(
  { host, port, secure, credentials }: HttpProxy,
  target: Target,
  { context, addressMs: autoSelectFamilyAttemptTimeout }: Pick<TunnelOptions, "context" | "addressMs">,
  signal: AbortSignal,
): ClientRequest {
  const authority = authorityOf(target);
  // Options of a connection are taken as well, which Node's types do not know.
  const options: RequestOptions & TcpNetConnectOpts = {
    host,
    port,
    autoSelectFamilyAttemptTimeout,
    method: "CONNECT",
    path: authority,
    // One connection, which becomes the tunnel; without an agent of its own Node would ask for its end.
    agent: false,
    headers: {
      host: authority,
      connection: "keep-alive",
      "proxy-connection": "keep-alive",
      ...(credentials && {
        "proxy-authorization": `Basic ${Buffer.from(credentials.reveal(), "utf8").toString("base64")}`,
      }),
    },
    signal,
  };
  if (!secure) return httpRequest(options);
  const servername = isIP(host) > 0 ? "" : host;
  return httpsRequest({ ...options, servername, rejectUnauthorized: true, ...(context && { secureContext: context }) });
}

function authorityOf({ host, port }: Target): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** What a proxy means that does not connect. */
function refusalOf(
  response: IncomingMessage,
  proxy: HttpProxy,
  target: Target,
  conceal: TunnelOptions["conceal"],
): TransportError {
  const { statusCode = 0, statusMessage = "", headers } = response;
  const said = quoted(`${statusCode} ${statusMessage}`, 100, conceal);
  const wanted = headers["proxy-authenticate"] ?? headers["www-authenticate"] ?? "";
  const passing = statusCode >= 500 || statusCode === 408 || statusCode === 429;
  const asked = retryAfterMs(headers["retry-after"]);
  const waitMs = passing ? asked : Math.max(REFUSED_WAIT_MS, asked ?? 0);
  const refusal = (reason: string): TransportError => failure(proxy, target, `PROXY_${statusCode}`, reason, waitMs);
  // 401 is no answer of a proxy by RFC 9110, but that of tinyproxy to a wrong password.
  if (statusCode === 407 || statusCode === 401)
    return refusal(credentialsWanted(said, quoted(wanted, 200, conceal), proxy));
  if (statusCode === 403 || statusCode === 405)
    return refusal(
      `it refuses to connect to ${authorityOf(target)} (${said}): allow CONNECT to this host and port there`,
    );
  if (passing) return refusal(`it cannot connect to ${authorityOf(target)} (${said})`);
  return refusal(`it answered ${said} to CONNECT ${authorityOf(target)}: check that it is an HTTP proxy`);
}

function credentialsWanted(said: string, wanted: string, { credentials }: HttpProxy): string {
  const asked = wanted === "" ? said : `${said}; ${wanted}`;
  if (wanted !== "" && !/\bBasic\b/i.test(wanted))
    return `it wants authentication of a kind that is not supported, only Basic is (${asked})`;
  return credentials === undefined
    ? `it wants a user and a password: put them into its URL, as in http://user:password@… (${asked})`
    : `it does not take the user and password of its URL (${asked})`;
}

function failure(proxy: HttpProxy, target: Target, code: string, reason: string, waitMs?: number): TransportError {
  const message = `no connection to ${authorityOf(target)} through the proxy ${proxyText(proxy)}: ${reason}`;
  return new TransportError(code, message, waitMs);
}

/** A proxy that gave no tunnel within the time for the whole exchange. */
export function tunnelTimeout(proxy: HttpProxy, target: Target, timeoutMs: number): TransportError {
  return failure(proxy, target, "ETIMEDOUT", `it did not connect within ${timeoutMs} ms`);
}
