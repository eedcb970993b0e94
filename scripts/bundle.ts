/**
 * `npm run bundle [-- [--single-executable] DIRECTORY]`: the agent as a few files of JavaScript, which start several times faster than the
 * sources do. By default they go to `dist`; `node dist/agent/main.mjs` runs them. With `--single-executable` it is one file instead,
 * `dist/logdna-agent`, which has Node within and runs alone.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BuildOptions, build } from "esbuild";
import { compiledKernel, KERNEL_FILE } from "./compile_kernel.ts";

const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "single-executable": { type: "boolean", default: false } },
});
const directory = resolve(positionals[0] ?? join(root, "dist"));

/** Options of Node: those of `bin/logdna-agent`. */
const NODE_OPTIONS = ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=1"];

const OPTIONS = {
  entryPoints: [join(root, "packages/agent/src/main.ts")],
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node26",
  outExtension: { ".js": ".mjs" },
  minifySyntax: true,
  // V8 keeps the text of a program in memory, with two bytes for each character where a single one, such as a dash in a
  // comment, is not of Latin-1: together with the spaces that is 2 MB of private memory.
  minifyWhitespace: true,
  legalComments: "external",
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
  logLevel: "warning",
} satisfies BuildOptions;

// What is released is built from its sources, also the part of it that is kept compiled.
if (readFileSync(join(root, KERNEL_FILE), "utf8") !== (await compiledKernel()))
  throw new Error(`${KERNEL_FILE} is not what packages/kernel/assembly compiles to: run npm run kernel.`);
process.stdout.write(`${await (values["single-executable"] ? makeExecutable() : makeFiles())}\n`);

async function makeFiles(): Promise<string> {
  const outdir = join(directory, "agent");
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  // Who asks which version a bundle is finds it there.
  copyFileSync(join(root, "packages/agent/package.json"), join(directory, "package.json"));
  // What is loaded late in the sources is loaded late here.
  await build({ ...OPTIONS, outdir, splitting: true });
  return join(outdir, "main.mjs");
}

/** Node's single executable application (SEA): a copy of the Node that runs this, with the program as one module within. */
async function makeExecutable(): Promise<string> {
  const work = join(directory, "single-executable");
  mkdirSync(work, { recursive: true });
  const output = join(directory, "logdna-agent");
  const main = join(work, "main.mjs");
  const configuration = {
    main,
    mainFormat: "module",
    output,
    disableExperimentalSEAWarning: true,
    execArgv: NODE_OPTIONS,
    // The agent starts itself anew with more of them. NODE_OPTIONS is not listened to.
    execArgvExtension: "cli",
  };
  await build({ ...OPTIONS, outdir: work });
  writeFileSync(join(work, "sea.json"), JSON.stringify(configuration));
  execFileSync(process.execPath, ["--build-sea", join(work, "sea.json")], { stdio: ["ignore", "ignore", "inherit"] });
  rmSync(work, { recursive: true });
  return output;
}
