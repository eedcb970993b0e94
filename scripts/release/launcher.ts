/** Where the program is beside a launcher: `bin/logdna-agent` and `lib/logdna-agent`, wherever the two are. */
const INSTALLED: readonly (readonly [inCheckout: string, installed: string])[] = [
  [
    "# Runs the agent from a checkout on the Node that is pinned there,",
    "# Runs the agent on the Node that it comes with,",
  ],
  ['root=$(dirname -- "$(dirname -- "$self")")', 'root=$(dirname -- "$(dirname -- "$self")")/lib/logdna-agent'],
  ["node=$root/node_modules/node/bin/node", "node=$root/bin/node"],
  ["run 'npm ci' in $root first", "install the agent anew"],
  ["$root/packages/agent/src/main.ts", "$root/agent/main.mjs"],
];

/** The launcher of a release: that of the checkout, with other places. @throws {Error} when that is no longer what is known here. */
export function installedLauncher(launcher: string): string {
  return INSTALLED.reduce((text, [before, after]) => {
    if (!text.includes(before)) throw new Error(`bin/logdna-agent has no "${before}", which a release replaces.`);
    return text.replace(before, after);
  }, launcher);
}
