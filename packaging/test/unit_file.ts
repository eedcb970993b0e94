import { readFileSync } from "node:fs";
import { join } from "node:path";

export const UNIT = join(import.meta.dirname, "../systemd/logdna-agent.service");

/** The values of a setting of the unit, in their order: systemd.syntax(7). */
export function settings(name: string, text = readFileSync(UNIT, "utf8")): string[] {
  return Array.from(text.matchAll(new RegExp(`^${name}=(.*)$`, "gm")), ([, value = ""]) => value);
}

/** The one value of a setting. */
export function setting(name: string): string {
  const [value, ...others] = settings(name);
  if (value === undefined || others.length > 0) throw new Error(`The unit does not have ${name}= once.`);
  return value;
}
