import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The licence of everything that is compiled into the bundle, one after the other. */
export function licencesOf(root: string, bill: string): string {
  const { components } = JSON.parse(bill) as { components: { name: string; version: string }[] };
  const parts = components
    .filter(({ name }) => name !== "node")
    .map(({ name, version }) => `${name} ${version}\n\n${licenceText(join(root, "node_modules", name)).trim()}\n`);
  const rule = `\n${"-".repeat(80)}\n\n`;
  return `The agent has these libraries in it. The licence of Node.js is in node-LICENSE.\n${rule}${parts.join(rule)}`;
}

function licenceText(directory: string): string {
  const name = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one));
  if (name === undefined) throw new Error(`${directory} has no licence, which a release has to come with.`);
  return readFileSync(join(directory, name), "utf8");
}
