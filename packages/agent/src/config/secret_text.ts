import { MASK, Secret } from "./secret.ts";

/** A text as an ingestion key, or a salt: what can stand in a header (RFC 9110, 5.5) and in a URL's user name; undefined when it cannot be one. */
export function readKey(text: string): Secret | undefined {
  return text !== MASK && /^[\x21-\x7e]{1,1024}$/.test(text) ? new Secret(text) : undefined;
}
