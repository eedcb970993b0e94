import type { Config } from "../config/mod.ts";
import { headerSecrets } from "../delivery/otlp_protocol.ts";

/** What must not show in the log, also where a server or a proxy says it: key, headers, salt, and the password of a proxy. */
export function secretsOf({ key, headers, proxy, redactSalt }: Config): string[] {
  const own = [key.reveal(), ...headers.flatMap(headerSecrets), ...(redactSalt ? [redactSalt.reveal()] : [])];
  const credentials = proxy?.credentials?.reveal();
  if (credentials === undefined) return own;
  const password = credentials.slice(credentials.indexOf(":") + 1);
  return [...own, credentials, password];
}

/** Names of the settings that differ; values are not told, one of them is the key. */
export function changes(before: Config, after: Config): string[] {
  const names = Object.keys(after) as (keyof Config)[];
  return names.filter((name) => {
    if (name === "key") return !before.key.equals(after.key);
    if (name === "redactSalt") return before.redactSalt?.reveal() !== after.redactSalt?.reveal();
    if (name === "headers")
      return (
        before.headers.length !== after.headers.length || after.headers.some((h, n) => !before.headers[n]?.equals(h))
      );
    const same = JSON.stringify(before[name]) === JSON.stringify(after[name]);
    return !same || (name === "proxy" && before.proxy?.credentials?.reveal() !== after.proxy?.credentials?.reveal());
  });
}
