import type { Environment } from "./environment.ts";
import { OPTIONS } from "./options.ts";
import { looksLikeProperties, readProperties } from "./properties_file.ts";
import { emptyReading, type Reading } from "./reading.ts";
import { systemReason } from "./secret_places.ts";
import { readYaml } from "./yaml_file.ts";

/** Where configuration is looked for when nothing else is said. The v1 file lies under the YAML file. */
const DEFAULT_YAML = "/etc/logdna/config.yaml";
const DEFAULT_PROPERTIES = "/etc/logdna.conf";

/**
 * Reads the configuration files, the weakest first: the one that the command line or the environment names, which must
 * exist, or those at the default places, which need not.
 */
export function readFiles(
  environmentReading: Reading,
  flagReading: Reading,
  environment: Environment,
  readFile: (path: string) => string,
): readonly Reading[] {
  for (const reading of [flagReading, environmentReading]) {
    const given = reading.given.find(({ option }) => option === "configFile");
    const path = OPTIONS.configFile.kind.read(given?.texts[0]?.text ?? "\0");
    if (given !== undefined && path.ok) return [readNamed(path.value, given.where, environment, readFile)];
  }
  return [readDefault(DEFAULT_PROPERTIES, environment, readFile), readDefault(DEFAULT_YAML, environment, readFile)];
}

function readNamed(path: string, where: string, environment: Environment, readFile: (path: string) => string): Reading {
  try {
    return readContent(path, readFile(path), environment);
  } catch (error) {
    const message = `cannot read the configuration file ${path}: ${systemReason(error)}`;
    return { ...emptyReading(), problems: [{ where, message }], isUnread: true };
  }
}

function readDefault(path: string, environment: Environment, readFile: (path: string) => string): Reading {
  let content: string;
  try {
    content = readFile(path);
  } catch (error) {
    const reason = systemReason(error);
    if (reason === "ENOENT" || reason === "ENOTDIR") return emptyReading();
    const message = `cannot be read: ${reason}`;
    return { ...emptyReading(), problems: [{ where: path, message }], isUnread: true };
  }
  return readContent(path, content, environment);
}

/** YAML by its name, or else properties where it looks like that. */
function readContent(path: string, content: string, environment: Environment): Reading {
  const isYaml = /\.(ya?ml|json)$/i.test(path) || !looksLikeProperties(content);
  return isYaml ? readYaml(path, content, environment) : readProperties(path, content);
}
