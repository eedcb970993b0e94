import { createHmac, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isOneOf } from "../receive/authenticate.ts";

/** Seconds that a browser stays signed in. */
const SESSION_SECONDS = 30 * 86_400;

/** Who may read: the token as bearer, or a cookie that a browser gets for it. */
export class ReadAccess {
  readonly #token: string;
  readonly #secure: boolean;
  readonly #cookieName: string;

  /** @param secure the page is served over TLS. */
  constructor(token: string, secure: boolean) {
    this.#token = token;
    this.#secure = secure;
    // The prefix makes browsers refuse a cookie of this name that another host or plain HTTP set.
    this.#cookieName = secure ? "__Host-reader" : "reader";
  }

  /** True when a request may read. */
  allows(headers: IncomingHttpHeaders): boolean {
    const bearer = /^Bearer (.{1,1024})$/i.exec(headers.authorization ?? "")?.[1];
    if (bearer !== undefined) return isOneOf(bearer, [this.#token]);
    const cookie = cookieOf(headers.cookie, this.#cookieName);
    return cookie !== undefined && this.#isSession(cookie);
  }

  /** The cookie for a token, undefined when it is not the right one. It is derived from the token and does not tell it. */
  signIn(token: unknown): string | undefined {
    if (typeof token !== "string" || !isOneOf(token, [this.#token])) return undefined;
    const ends = Math.floor(Date.now() / 1000) + SESSION_SECONDS;
    const body = `${ends}.${randomBytes(9).toString("base64url")}`;
    return this.#cookie(`${body}.${this.#sign(body)}`, SESSION_SECONDS);
  }

  /** The cookie that ends a session in the browser. */
  signOut(): string {
    return this.#cookie("", 0);
  }

  #cookie(value: string, seconds: number): string {
    const flags = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${this.#secure ? "; Secure" : ""}`;
    return `${this.#cookieName}=${value}; ${flags}`;
  }

  #isSession(cookie: string): boolean {
    const at = cookie.lastIndexOf(".");
    const body = cookie.slice(0, at);
    return (
      at > 0 && isOneOf(cookie.slice(at + 1), [this.#sign(body)]) && Number(body.split(".")[0]) * 1000 > Date.now()
    );
  }

  #sign(body: string): string {
    return createHmac("sha256", this.#token).update(`session ${body}`).digest("base64url");
  }
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}
