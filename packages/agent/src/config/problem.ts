import { printable } from "../telemetry/printable.ts";
import type { OptionName } from "./options.ts";

/** Exit status for a configuration with errors: the number of EINVAL, as in the existing agents. */
export const CONFIG_ERROR_STATUS = 22;

/** Something wrong with the configuration, or worth a warning: where, and what to do about it. */
export interface Problem {
  /** `FILE:LINE:COLUMN`, `environment variable NAME`, `flag --name`; empty when it is about no single place. */
  readonly where: string;
  readonly message: string;
  /** Nothing is wrong but that there is no key, or that its file cannot be read. */
  readonly lacksKey?: "missing" | "unreadable";
}

/** The problem as one line of text, in which nothing acts on a terminal: names of files may hold any character. */
export function problemText({ where, message }: Problem): string {
  return printable(where === "" ? message : `${where}: ${message}`);
}

/** What is wrong with certificates, and what they cannot be used for. */
export interface CertificateProblem {
  /** The option that names them; undefined where several do. */
  readonly option: OptionName | undefined;
  readonly message: string;
}

/** The problem with its place. */
export function placed({ option, message }: CertificateProblem, origins: ReadonlyMap<OptionName, string>): Problem {
  return { where: option === undefined ? "" : (origins.get(option) ?? ""), message };
}

/** Characters of a wrong value that are shown. */
const MAX_SHOWN = 80;

/** A value in a message: quoted, on one line, cut when long. */
export function shown(value: string): string {
  const characters = [...value];
  return JSON.stringify(characters.length > MAX_SHOWN ? `${characters.slice(0, MAX_SHOWN).join("")}…` : value);
}

/** A name that no option has, in a message. Behind a blank a value may stand, such as the key. */
export function shownName(name: string): string {
  const [known = ""] = /^[^\s]*/.exec(name) ?? [];
  return known === "" ? "of this name" : shown(known);
}
