import { isIP, isIPv6 } from "node:net";
import { checkFields } from "../lines/fields/check_fields.ts";
import { globWarning } from "../rules/path_rules.ts";
import type { Config } from "./config.ts";
import type { Environment } from "./environment.ts";
import { enriches, kubernetesSettings } from "./kubernetes_settings.ts";
import { lineOptions } from "./line_settings.ts";
import type { Merged } from "./merge.ts";
import { isLoopback } from "./no_proxy.ts";
import { OPTIONS, type OptionName, type Settings } from "./options.ts";
import type { Problem } from "./problem.ts";
import { chooseProxy, type HttpProxy } from "./proxy.ts";
import { Secret } from "./secret.ts";
import { ingestionKey } from "./secret_places.ts";
import { isSecretVariable } from "./secret_variables.ts";
import { titleOf } from "./titles.ts";

/** Reads what lies outside of the configuration. */
export interface Surroundings {
  /** Reads a file as text. Throws the system's error. */
  readonly readFile: (path: string) => string;
  /** The operating system's host name. */
  readonly osHostname: () => string;
  readonly env: Environment;
  /** The directory of the service's credentials, if it has any. */
  readonly credentials: string | undefined;
}

/** The configuration, as far as it can be told, and what is wrong with it. */
export interface Effective {
  readonly config: Omit<Config, "key"> & { readonly key: Secret | undefined };
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Where the host name can be set apart from the system's, for containers. */
const HOSTNAME_FILE = "/etc/logdna-hostname";
/** A byte of a line takes at most six bytes in a body (`\u0000`); the rest is for the line's other fields. */
const BODY_BYTES_PER_LINE_BYTE = 8;
/** A record of OTLP has more fields than a line, and the path of its file twice. */
const MAX_ZSTD_LEVEL = 3;
const MIN_OTLP_BODY_BYTES = 64 * 1024;

/** Fills in what depends on other options or on the host, and checks options against each other. */
export function effective(merged: Merged, surroundings: Surroundings): Effective {
  const { settings, origins } = merged;
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const where = (option: OptionName): string => origins.get(option) ?? "";
  const title = (option: OptionName, beside?: OptionName): string => titleOf(merged, option, beside);

  const { secret: key, path: keyPath } = ingestionKey(
    merged,
    surroundings.credentials,
    surroundings.readFile,
    problems,
  );
  if (where("key").startsWith("flag")) {
    const message = `every user of this host can see the key in the list of processes; use MZ_INGESTION_KEY_FILE or the configuration file`;
    warnings.push({ where: where("key"), message });
  }
  const address = hostAndPort(settings);
  if (address === undefined) {
    const message = `${title("host")} must be a host, host:port or [IPv6]:port, with a port from 1 to 65535`;
    problems.push({ where: where("host"), message });
  }
  if (!settings.useSsl && address !== undefined && !isLoopback(address.host)) {
    const message = `lines and key go to ${address.host} unencrypted, since ${title("useSsl")} is false`;
    warnings.push({ where: where("useSsl"), message });
  }
  let proxy: HttpProxy | undefined;
  const choice = address && chooseProxy(settings, address.host, address.port);
  if (choice !== undefined && "problem" in choice)
    problems.push({ where: where(choice.option), message: inYaml(merged, choice.option, choice.problem) });
  else if (choice !== undefined) {
    proxy = choice.proxy;
    if (proxy.credentials !== undefined && where(choice.option).startsWith("flag")) {
      const message = `every user of this host can see the proxy's password in the list of processes; use MZ_PROXY or the configuration file`;
      warnings.push({ where: where(choice.option), message });
    }
  }
  checkOutput(merged, key, problems, warnings);
  const { clientCertFile } = settings;
  if (clientCertFile === undefined && settings.clientKeyFile !== undefined && mayLack(merged, "clientCertFile")) {
    const message = `${title("clientKeyFile")} is set without ${title("clientCertFile", "clientKeyFile")}, the certificate that it is for`;
    problems.push({ where: where("clientKeyFile"), message });
  }
  for (const option of ["includeGlobs", "excludeGlobs"] as const) {
    for (const glob of settings[option]) {
      const message = globWarning(glob);
      if (message !== undefined) warnings.push({ where: where(option), message: inYaml(merged, option, message) });
    }
  }

  const { retryDir, dbPath } = settings;
  if (retryDir !== undefined && retryDir !== dbPath) {
    const message = `${title("retryDir")} is not used: what waits on disk is in the directory of the state, ${dbPath}, the only one that the agent writes to (${title("dbPath", "retryDir")})`;
    warnings.push({ where: where("retryDir"), message });
  }

  // A small body leaves no room for a large part; that is a contradiction only where both were asked for.
  const largestPart = Math.floor(settings.ingestBufferSize / BODY_BYTES_PER_LINE_BYTE);
  let { lineMaxPart } = settings;
  if (lineMaxPart > largestPart && !origins.has("lineMaxPart")) lineMaxPart = largestPart;
  if (lineMaxPart > largestPart) {
    const message = `${title("lineMaxPart")} is ${lineMaxPart}, but a body of ${title("ingestBufferSize", "lineMaxPart")} ${settings.ingestBufferSize} has room for parts of ${largestPart} bytes at most`;
    problems.push({ where: where("lineMaxPart"), message });
  }
  if (!origins.has("lineMaxPart")) lineMaxPart = Math.min(lineMaxPart, settings.lineMax);
  if (settings.lineMax < lineMaxPart) {
    const message = `${title("lineMax")} is ${settings.lineMax}, less than the ${lineMaxPart} of ${title("lineMaxPart", "lineMax")}`;
    problems.push({ where: where("lineMax"), message });
  }

  const hostname = settings.hostname ?? hostnameOf(surroundings);
  const lines = lineOptions(merged, lineMaxPart, surroundings.readFile, { problems, warnings });
  const fields = checkFields(
    { ...settings, pathRules: lines.pathRules },
    {
      hostname,
      environment: surroundings.env,
      isSecret: isSecretVariable,
      hasPods: enriches(settings, surroundings.env),
      needsName: settings.output === "logdna",
      logDirs: settings.logDirs,
      bodySize: settings.ingestBufferSize,
      titleOf: title,
    },
  );
  for (const { option, message } of fields.problems) problems.push({ where: where(option), message });
  for (const { option, message } of fields.warnings) warnings.push({ where: where(option), message });

  const kubernetes = kubernetesSettings(merged, surroundings.env, warnings);

  return {
    config: {
      ...lines,
      kubernetes,
      // OTLP does not ask for one.
      key: key ?? (settings.output === "otlp" ? new Secret("") : undefined),
      keyPath,
      host: address?.host ?? "",
      port: address?.port ?? 0,
      useSsl: settings.useSsl,
      endpoint: settings.output === "otlp" && !origins.has("endpoint") ? OTLP_ENDPOINT : settings.endpoint,
      output: settings.output,
      keyHeader: settings.keyHeader,
      headers: settings.headers,
      caFile: settings.caFile,
      caDir: settings.caDir,
      clientCertFile,
      clientKeyFile: settings.clientKeyFile ?? clientCertFile,
      proxy,
      noProxy: settings.noProxy,
      useCompression: settings.useCompression && settings.gzipLevel > 0,
      gzipLevel: settings.gzipLevel,
      compression:
        settings.compression === "auto" && settings.gzipLevel > MAX_ZSTD_LEVEL ? "gzip" : settings.compression,
      encoder: settings.encoder,
      ingestTimeout: settings.ingestTimeout,
      ingestBufferSize: settings.ingestBufferSize,
      flushDuration: settings.flushDuration,
      maxInFlight: settings.maxInFlight,
      retryDiskLimit: settings.retryDiskLimit,
      hostname,
      ip: settings.ip,
      mac: settings.mac,
      tags: settings.tags,
      logDirs: settings.logDirs,
      includeGlobs: settings.includeGlobs,
      includeRegexes: settings.includeRegexes,
      excludeGlobs: settings.excludeGlobs,
      excludeRegexes: settings.excludeRegexes,
      lookback: settings.lookback,
      containerDirs: settings.containerDirs,
      containerLines: settings.containerLines,
      maxOpenFiles: settings.maxOpenFiles,
      dbPath: settings.dbPath,
      lineMaxPart,
      lineMax: settings.lineMax,
      fieldEnvironment: fields.environment,
      confinement: settings.confinement,
      noCap: settings.noCap,
      logLevel: settings.logLevel,
      metricsPort: settings.metricsPort,
      metricsHost: settings.metricsHost,
      shutdownTimeout: settings.shutdownTimeout,
    },
    problems,
    warnings,
  };
}

/** Where OTLP/HTTP takes logs by default, and the port there (OTLP specification, "OTLP/HTTP Request", "Default Port"). */
const OTLP_ENDPOINT = "/v1/logs";
const OTLP_PORT = 4318;

/** What one protocol needs, and what has no meaning with the other. */
function checkOutput(merged: Merged, key: Secret | undefined, problems: Problem[], warnings: Problem[]): void {
  const { settings, origins } = merged;
  if (settings.output !== "otlp") {
    for (const option of ["keyHeader", "headers"] as const) {
      const where = origins.get(option);
      // An empty list is what --list shows.
      if (where !== undefined && settings[option]?.length !== 0)
        warnings.push({
          where,
          message: `${titleOf(merged, option)} means nothing unless ${titleOf(merged, "output", option)} is otlp`,
        });
    }
    return;
  }
  if (!origins.has("host") && mayLack(merged, "host")) {
    const message = `${titleOf(merged, "output")} is otlp, which has no default server; set ${titleOf(merged, "host", "output")} to the one that takes OTLP/HTTP`;
    problems.push({ where: origins.get("output") ?? "", message });
  }
  if (settings.ingestBufferSize < MIN_OTLP_BODY_BYTES) {
    const message = `${titleOf(merged, "ingestBufferSize")} is ${settings.ingestBufferSize}, but with OTLP it must be at least ${MIN_OTLP_BODY_BYTES}`;
    problems.push({ where: origins.get("ingestBufferSize") ?? "", message });
  }
  if (settings.keyHeader !== undefined && key === undefined && mayLack(merged, "key")) {
    const message = `${titleOf(merged, "keyHeader")} is set, but there is no ingestion key to send in it`;
    problems.push({ where: origins.get("keyHeader") ?? "", message });
  }
  // One that cannot be read is told as a problem.
  if (settings.keyHeader === undefined && key !== undefined && merged.problems.length === 0) {
    const keyOption = origins.has("key") ? "key" : "keyFile";
    const [output, header] = [titleOf(merged, "output", keyOption), titleOf(merged, "keyHeader", keyOption)];
    const message = `the ingestion key is not sent, since ${output} is otlp and ${header} does not say in which header`;
    warnings.push({ where: origins.get(keyOption) ?? "credential ingestion-key", message });
  }
}

/** Whether an option that has no value has none anywhere: not in a file that could not be read either, nor a wrong one. */
function mayLack({ isIncomplete, unread }: Merged, option: OptionName): boolean {
  return !isIncomplete && !unread.has(option);
}

/** A message that does not name its option: with the path of its key, where the YAML file gives it. */
function inYaml({ titles }: Merged, option: OptionName, message: string): string {
  const title = titles.get(option);
  return title === undefined ? message : `${title}: ${message}`;
}

function hostAndPort({ host, useSsl, output }: Settings): { readonly host: string; readonly port: number } | undefined {
  // A server of OTLP behind TLS is reached as any other of HTTPS; OTLP's own port is that of a collector nearby.
  const fallback = useSsl ? 443 : output === "otlp" ? OTLP_PORT : 80;
  if (isIPv6(host)) return { host, port: fallback };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]+))?$/.exec(host);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = digits === undefined ? fallback : Number(digits);
  const name = bracketed ?? plain ?? "";
  if (port < 1 || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  return { host: name, port };
}

function hostnameOf({ readFile, osHostname }: Surroundings): string {
  try {
    const name = readFile(HOSTNAME_FILE).trim();
    if (OPTIONS.hostname.kind.read(name).ok) return name;
  } catch {
    // The file is there on few hosts.
  }
  return osHostname();
}
