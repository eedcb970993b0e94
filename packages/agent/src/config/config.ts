import type { ConfinementMode } from "@logdna-agent/confinement";
import type { LogLevel } from "../telemetry/mod.ts";
import type { KubernetesConfig } from "./kubernetes_options.ts";
import type { LineOptions } from "./line_options.ts";
import type { CONTAINER_LINES, LOOKBACKS, OUTPUTS } from "./options.ts";
import type { HttpProxy } from "./proxy.ts";
import type { Secret } from "./secret.ts";

/** The effective configuration: every value read, checked and filled in. Times are in milliseconds, sizes in bytes. */
export interface Config extends LineOptions {
  /** Empty where there is none, which only OTLP allows. */
  readonly key: Secret;
  /** The file that the key was read from; undefined when it came from elsewhere. */
  readonly keyPath: string | undefined;
  /** The file that the salt of redaction was read from; undefined when it came from elsewhere. */
  readonly redactSaltPath: string | undefined;
  readonly output: (typeof OUTPUTS)[number];
  /** With OTLP, the header that the key goes in, as `name` or `name: scheme`; undefined where the key is not sent. */
  readonly keyHeader: string | undefined;
  /** With OTLP, further headers, each as `name: value`. */
  readonly headers: readonly Secret[];
  /** Without a port, and without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly useSsl: boolean;
  /** Path of the ingestion endpoint. */
  readonly endpoint: string;
  /** A PEM file of certificate authorities to trust besides the system's. */
  readonly caFile: string | undefined;
  /** A directory of such files. */
  readonly caDir: string | undefined;
  /** PEM files of the client certificate and of its key; both or none. */
  readonly clientCertFile: string | undefined;
  readonly clientKeyFile: string | undefined;
  /** What the server is reached through; undefined where it is reached directly. */
  readonly proxy: HttpProxy | undefined;
  readonly noProxy: readonly string[];

  readonly useCompression: boolean;
  readonly gzipLevel: number;
  /** How bodies are compressed; see `ServerCoding`. */
  readonly compression: "auto" | "gzip" | "zstd";
  readonly encoder: "auto" | "kernel" | "zlib";
  readonly ingestTimeout: number;
  /** Bytes of a request body before compression. */
  readonly ingestBufferSize: number;
  readonly flushDuration: number;
  readonly maxInFlight: number;
  /** Bytes on disk that deleted files may take until they are acknowledged; undefined for no limit. */
  readonly retryDiskLimit: number | undefined;

  readonly hostname: string;
  readonly ip: string | undefined;
  readonly mac: string | undefined;
  readonly tags: readonly string[];

  /** Directories, files or patterns of either; `createPathRules` tells the roots to watch. */
  readonly logDirs: readonly string[];
  readonly includeGlobs: readonly string[];
  readonly includeRegexes: readonly string[];
  readonly excludeGlobs: readonly string[];
  readonly excludeRegexes: readonly string[];
  readonly lookback: (typeof LOOKBACKS)[number];
  /** Directories of the logs of containers. */
  readonly containerDirs: readonly string[];
  readonly containerLines: (typeof CONTAINER_LINES)[number];
  readonly maxOpenFiles: number;
  /** Directory of the state. */
  readonly dbPath: string;

  /** Bytes of a line that are shipped as one part. */
  readonly lineMaxPart: number;
  /** Bytes of a line beyond which the rest is dropped. */
  readonly lineMax: number;
  /** Values of the environment's variables that the options of fields name. */
  readonly fieldEnvironment: Readonly<Record<string, string | undefined>>;

  /** Regular expressions; see `LineRules`. */
  readonly lineExclusion: readonly string[];
  readonly lineInclusion: readonly string[];
  readonly lineRedact: readonly string[];

  /** What is done with the Kubernetes cluster that the agent runs in; undefined where it does not, or nothing is. */
  readonly kubernetes: KubernetesConfig | undefined;

  readonly confinement: ConfinementMode;
  /** No capability is kept. */
  readonly noCap: boolean;
  readonly logLevel: LogLevel;
  /** TCP port of metrics and health; undefined for none. */
  readonly metricsPort: number | undefined;
  /** IP address that it is bound to; undefined for loopback. */
  readonly metricsHost: string | undefined;
  readonly shutdownTimeout: number;
}
