import { join } from "node:path";
import type { Merged } from "./merge.ts";
import { longFlag, OPTIONS } from "./options.ts";
import type { Problem } from "./problem.ts";
import type { Secret } from "./secret.ts";
import { readKey } from "./secret_text.ts";
import { titleOf } from "./titles.ts";

/** Reads a file as text. Throws the system's error. */
type ReadFile = (path: string) => string;

/** A secret, and the file that it was read from. */
export interface SecretPlace {
  /** Undefined where there is none, or none that can be used. */
  readonly secret: Secret | undefined;
  /** Undefined where it came from elsewhere. */
  readonly path: string | undefined;
}

/** The name under which a service manager hands the key over (systemd.exec, "Credentials"). */
const CREDENTIAL = "ingestion-key";
const NOWHERE: SecretPlace = { secret: undefined, path: undefined };

/**
 * The ingestion key: what an option gives, or the file that an option names, or else the credential of the service.
 * @param credentials the directory of credentials, as systemd tells it; undefined where there are none.
 */
export function ingestionKey(
  merged: Merged,
  credentials: string | undefined,
  readFile: ReadFile,
  problems: Problem[],
): SecretPlace {
  const { settings } = merged;
  const given = secretFrom(merged, "key", "keyFile", readFile, problems);
  if (given.secret !== undefined || given.path !== undefined) return given;
  if (merged.problems.some(isAboutKey)) return NOWHERE;
  const credential =
    credentials === undefined ? NOWHERE : keyFromCredential(join(credentials, CREDENTIAL), readFile, problems);
  if (credential.path === undefined && settings.output !== "otlp" && !merged.isIncomplete) {
    const message = `there is no ingestion key; set MZ_INGESTION_KEY, MZ_INGESTION_KEY_FILE, or http.ingestion_key in the configuration file`;
    problems.push({ where: "", message, lacksKey: "missing" });
  }
  return credential;
}

function keyFromCredential(path: string, readFile: ReadFile, problems: Problem[]): SecretPlace {
  const where = "credential ingestion-key";
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    // A service may have other credentials.
    if (systemReason(error) === "ENOENT") return NOWHERE;
    const message = `cannot read the key from ${path}: ${systemReason(error)}`;
    problems.push({ where, message, lacksKey: "unreadable" });
    return { secret: undefined, path };
  }
  const secret = readKey(text.trim());
  if (secret === undefined)
    problems.push({ where, message: `the file ${path} must hold ${OPTIONS.key.kind.expected}` });
  return { secret, path };
}

/** The secret itself, or the content of the file that holds it, whichever was given in the stronger place. */
export function secretFrom(
  merged: Merged,
  option: "key" | "redactSalt",
  fileOption: "keyFile" | "redactSaltFile",
  readFile: ReadFile,
  problems: Problem[],
): SecretPlace {
  const { settings, origins, strengths } = merged;
  const path = settings[fileOption];
  const strength = strengths.get(option) ?? -1;
  const fileStrength = strengths.get(fileOption) ?? -1;
  if (path === undefined || strength > fileStrength) return { secret: settings[option], path: undefined };
  const where = origins.get(fileOption) ?? "";
  const { kind } = OPTIONS[option];
  if (strength === fileStrength) {
    const [title, other] = [titleOf(merged, fileOption), titleOf(merged, option)];
    const message = `${title} is set, and so is ${other} (${origins.get(option) ?? ""}); set only one`;
    problems.push({ where, message });
    return { secret: undefined, path };
  }
  const what = option === "key" ? "key" : "salt";
  try {
    const read = kind.read(readFile(path).trim());
    if (read.ok) return { secret: read.value, path };
    problems.push({ where, message: `the file ${path} must hold ${kind.expected}` });
  } catch (error) {
    const message = `cannot read the ${what} from ${path}: ${systemReason(error)}`;
    problems.push({ where, message, ...(option === "key" ? { lacksKey: "unreadable" } : {}) });
  }
  return { secret: undefined, path };
}

function isAboutKey({ where, message }: Problem): boolean {
  return where === `flag ${longFlag(OPTIONS.key)}` || /INGESTION_KEY|ingestion_key/.test(`${where} ${message}`);
}

/** What the system said, in its short form: `ENOENT`. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
