import { OtlpFormat } from "../batch/otlp_format.ts";
import type { Config } from "../config/mod.ts";
import { readKey } from "../config/secret_text.ts";
import type { Telemetry } from "../telemetry/mod.ts";
import { USER_AGENT, VERSION } from "../version.ts";
import { CodingSender } from "./coding_sender.ts";
import type { Sender } from "./deliverer.ts";
import { IngestionKey } from "./ingestion_key.ts";
import { otlpProtocol } from "./otlp_protocol.ts";
import { ServerCoding } from "./server_coding.ts";
import { Transport } from "./transport.ts";

/** The way to the server that a configuration names. It can be made, and found unusable, while an agent goes another one. */
export interface Outlet {
  readonly transport: Transport;
  /** Sends through it. */
  readonly sender: Sender;
  /** How bodies for this server are compressed. */
  readonly coding: ServerCoding;
  readonly key: IngestionKey;
  /** How bodies are written for OTLP; undefined for the LogDNA protocol. */
  readonly otlp: OtlpFormat | undefined;
}

/** @throws {TransportError} when a file of certificates cannot be used. */
export function makeOutlet(
  config: Config,
  { emit, conceal, concealIn }: Pick<Telemetry, "emit" | "conceal" | "concealIn">,
): Outlet {
  const isSent = config.output !== "otlp" || config.keyHeader !== undefined;
  const key = new IngestionKey({ key: config.key, path: config.keyPath, isSent, parse: readKey, emit, conceal });
  const otlp = config.output === "otlp" ? new OtlpFormat({ ...config, version: VERSION }) : undefined;
  const revealKey = (): string => key.reveal();
  const transport = new Transport(
    {
      host: config.host,
      port: config.port,
      endpoint: config.endpoint,
      useSsl: config.useSsl,
      key: revealKey,
      hostname: config.hostname,
      ip: config.ip,
      mac: config.mac,
      tags: config.tags,
      timeoutMs: config.ingestTimeout,
      maxSockets: config.maxInFlight,
      userAgent: USER_AGENT,
      caFile: config.caFile,
      caDir: config.caDir,
      clientCertFile: config.clientCertFile,
      clientKeyFile: config.clientKeyFile,
      proxy: config.proxy,
      onRenewal: (problem) =>
        emit(problem === undefined ? { name: "certificates_renewed" } : { name: "certificates_unusable", problem }),
      onSkipped: (path, problem) => emit({ name: "certificate_skipped", path, problem }),
      conceal: concealIn,
    },
    otlp && otlpProtocol({ ...config, key: revealKey }),
  );
  const coding = new ServerCoding({ compression: config.compression, emit });
  return { transport, sender: new CodingSender(transport, coding), coding, key, otlp };
}
