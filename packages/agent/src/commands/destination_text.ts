import type { Config } from "../config/mod.ts";
import { proxyText } from "../config/proxy.ts";

/** Where lines go, as a URL with the protocol and the proxy; no password shows in it. */
export function destinationText(config: Config): string {
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  const through = config.proxy === undefined ? "" : ` through the proxy ${proxyText(config.proxy)}`;
  return `${config.useSsl ? "https" : "http"}://${host}:${config.port}${config.endpoint}${config.output === "otlp" ? " (OTLP)" : ""}${through}`;
}
