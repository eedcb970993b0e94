/** The whole quality gate, `npm run ok`: format, lint, import circles, types, unused code, docs, tests. */
import { spawnSync } from "node:child_process";

/** Each step with what it shows when it fails. Biome's lint includes import circles and default exports. */
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format, lint and import circles", "biome", "check", "--error-on-warnings", "."],
  ["types of the programs", "tsc", "-p", "tsconfig.json"],
  ["types of the page", "tsc", "-p", "packages/web/tsconfig.json"],
  ["unused exports and dependencies", "knip"],
  ["generated documents", "node", "scripts/docs.ts", "--check"],
  ["tests", "node", "scripts/test.ts", ...process.argv.slice(2)],
];

for (const [name, command, ...args] of steps) {
  process.stdout.write(`\n▶ ${name}: ${command} ${args.join(" ")}\n`);
  const begun = performance.now();
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) {
    process.stderr.write(`\n✖ ${name}\n`);
    process.exit(1);
  }
  process.stdout.write(`✔ ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)\n`);
}
