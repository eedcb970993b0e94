import type { Config } from "../config/mod.ts";
import type { OptionName } from "../config/options.ts";
import type { CertificateProblem } from "../config/problem.ts";
import { TlsFiles, type TlsPaths } from "../delivery/tls_files.ts";
import { TransportError } from "../delivery/transport_error.ts";

/** The option that a problem of TLS is about, by the code of its error. */
const OPTION_BY_CODE: Readonly<Record<string, OptionName>> = {
  SSL_CERT_FILE: "caFile",
  SSL_CERT_DIR: "caDir",
  CLIENT_CERT_FILE: "clientCertFile",
  CLIENT_KEY_FILE: "clientKeyFile",
};

/** Reads the certificates of a configuration as the start does. @returns undefined where nothing is wrong, or TLS is not used. */
export function certificateProblem(
  config: TlsPaths & Pick<Config, "useSsl" | "proxy">,
): CertificateProblem | undefined {
  if (!config.useSsl && config.proxy?.secure !== true) return undefined;
  try {
    new TlsFiles(config);
    return undefined;
  } catch (error) {
    if (error instanceof TransportError) return asProblem(error);
    throw error;
  }
}

/** What an outlet says that cannot be made of a configuration. */
export function asProblem({ code, message }: TransportError): CertificateProblem {
  return { option: OPTION_BY_CODE[code], message };
}
