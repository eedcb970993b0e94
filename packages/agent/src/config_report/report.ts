import type { LoadResult } from "../config/mod.ts";
import { environmentNames, GROUPS, longFlag, OPTION_LIST, type OptionName } from "../config/options.ts";
import { chooseProxy, proxyText } from "../config/proxy.ts";
import { MASK, Secret } from "../config/secret.ts";
import { type Source, sourceAt } from "./source.ts";

/** One option as it is in force. Secrets are masked. */
export interface OptionReport {
  readonly group: string;
  /** Its names in the YAML file, the environment and on the command line; the first that it has is how it is called. */
  readonly yaml: string | undefined;
  readonly variable: string | undefined;
  readonly flag: string | undefined;
  /** Plain data; null where it has none. */
  readonly value: unknown;
  /** For a list one for each item, in their order, or that of the empty list; else one. */
  readonly sources: readonly Source[];
  /** What the default is, where that depends on the host. */
  readonly defaultText: string | undefined;
}

/** The effective configuration, and where each value comes from. */
export interface ConfigReport {
  /** Files that were looked for to read it, and the system's reason where one could not be read: `ENOENT`. */
  readonly files: readonly { readonly path: string; readonly error?: string }[];
  readonly options: readonly OptionReport[];
  readonly warnings: readonly string[];
}

type RunConfig = Extract<LoadResult, { kind: "run" }>;

/** Describes a configuration. Options that this version does not act on are in it only where they are given. */
export function reportConfig(loaded: RunConfig, files: ConfigReport["files"]): ConfigReport {
  const grouped = GROUPS.flatMap((group) => OPTION_LIST.filter(([, option]) => option.group === group));
  const options = grouped.flatMap(([name, option]): OptionReport[] => {
    if (option.support !== "now" && !loaded.origins.has(name)) return [];
    const value = effectiveValue(loaded, name);
    return [
      {
        group: option.group,
        yaml: option.yaml,
        variable: environmentNames(option)[0],
        flag: longFlag(option),
        value: plain(value),
        sources: sourcesOf(loaded, name, value),
        defaultText: option.many ? undefined : option.defaultText,
      },
    ];
  });
  return { files, options, warnings: loaded.warnings };
}

/** What an option comes to together with others; what was given for it where that is read only to find another's value. */
function effectiveValue({ config, settings }: RunConfig, name: OptionName): unknown {
  if (name === "host") {
    const host = config.host.includes(":") ? `[${config.host}]` : config.host;
    return `${host}:${config.port}`;
  }
  if (name === "key") return config.key.reveal() === "" ? undefined : config.key;
  if (name === "proxy" || name === "httpsProxy" || name === "httpProxy" || name === "allProxy") {
    const chosen = chooseProxy(settings, config.host, config.port);
    const isInForce = chosen?.option === name && config.proxy !== undefined;
    return isInForce && config.proxy !== undefined ? proxyText(config.proxy) : settings[name];
  }
  return name in config ? config[name as keyof typeof config] : settings[name];
}

function sourcesOf({ origins, itemOrigins, config }: RunConfig, name: OptionName, value: unknown): Source[] {
  const items = itemOrigins.get(name) ?? [];
  if (Array.isArray(value) && value.length > 0 && value.length === items.length) return items.map(sourceAt);
  if (name === "key" && config.keyPath !== undefined) return [{ kind: "file", file: config.keyPath }];
  return [sourceAt(origins.get(name) ?? "")];
}

/** A value as plain data, with what is secret masked. */
function plain(value: unknown): unknown {
  if (value instanceof Secret) return MASK;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
