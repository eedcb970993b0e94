import { Document } from "yaml";
import type { Config } from "./config.ts";
import { type AnyOption, OPTION_LIST, type OptionName } from "./options.ts";
import { proxyText } from "./proxy.ts";
import { Secret } from "./secret.ts";

/**
 * What `--list` prints: the effective configuration as a file that can be used again. The key is masked, and values that
 * the file has no place for stand in a comment.
 */
export function listText(config: Omit<Config, "key"> & { readonly key: Secret | undefined }): string {
  const document = new Document({});
  const elsewhere: string[] = [];
  for (const [name, option] of OPTION_LIST) {
    const value = shownValue(config, name);
    if (value === undefined || option.support !== "now") continue;
    if (option.yaml === undefined) elsewhere.push(`${nameInEnvironment(option)}=${String(value)}`);
    else document.setIn(option.yaml.split("."), value instanceof Secret ? String(value) : value);
  }
  if (elsewhere.length > 0)
    document.comment = ` Set by environment or flag only:\n${elsewhere.map((line) => ` ${line}`).join("\n")}`;
  return document.toString({ lineWidth: 0 });
}

function shownValue(config: Parameters<typeof listText>[0], name: OptionName): unknown {
  if (name === "host") {
    const host = config.host.includes(":") ? `[${config.host}]` : config.host;
    return `${host}:${config.port}`;
  }
  if (name === "key" && config.key?.reveal() === "") return undefined;
  if (name === "proxy") return config.proxy && proxyText(config.proxy);
  const value = name in config ? config[name as keyof Config] : undefined;
  if (typeof value === "string") return escapedVariables(value);
  return Array.isArray(value) ? value.map((item) => escapedVariables(String(item))) : value;
}

/** What looks like a variable was none when it was read, and must stay so. */
function escapedVariables(text: string): string {
  return text.replace(/\$\{(?=[A-Za-z_][0-9A-Za-z_]*\})/g, (dollar) => `$${dollar}`);
}

function nameInEnvironment(option: AnyOption): string {
  return option.env === undefined ? (option.plainEnv?.[0] ?? "") : `MZ_${option.env}`;
}
