/**
 * Runs the tests: `npm test [FILTER…]`, where a filter is a part of a test file's path.
 *
 * `--no-skips` fails when a test was skipped, as on a machine that has everything the tests need. Flags of Node's test
 * runner are passed on: `npm test -- testcases --test-name-pattern='case v1_file$'` runs the one case of that name.
 *
 * The agent that tests start is the bundle, which is what is released and starts three times as fast as the sources;
 * `--sources` has them start the sources, whose traces name lines that can be edited.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { cpus } from "node:os";

const args = process.argv.slice(2);
const noSkips = args.includes("--no-skips");
const filters = args.filter((arg) => !arg.startsWith("--"));
const runnerFlags = args.filter((arg) => arg.startsWith("--test-"));
const files = globSync("{packages,packaging,test,testcases,scripts,faults,bench}/**/*.test.ts", {
  exclude: (path) => path.includes("node_modules"),
})
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort();

if (files.length === 0) {
  process.stderr.write(`No test file matches ${filters.join(", ")}.\n`);
  process.exit(1);
}

if (!args.includes("--sources")) await import("./start_bundle.ts");
const child = spawn(
  process.execPath,
  [
    "--disable-warning=ExperimentalWarning",
    "--test",
    "--test-timeout=300000",
    // Tests measure what arrives, not time, but many start servers of their own: one file for each core.
    `--test-concurrency=${Math.max(1, cpus().length)}`,
    ...runnerFlags,
    ...files,
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);

let summary = "";
child.stdout.on("data", (chunk: Buffer) => {
  process.stdout.write(chunk);
  summary = (summary + chunk.toString("utf8")).slice(-100_000);
});
child.on("close", (code) => {
  const skipped = Number(/^\S* ?skipped (\d+)$/m.exec(summary)?.[1] ?? 0);
  if (code === 0 && noSkips && skipped > 0) {
    process.stderr.write(`${skipped} tests were skipped, and here none may be: see the reasons above.\n`);
    process.exit(1);
  }
  process.exit(code ?? 1);
});
