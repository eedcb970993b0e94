/**
 * `npm run bundle [-- DIRECTORY]`: the agent as a few files of JavaScript, which start several times faster than the sources do.
 * By default they go to `dist`; `node dist/agent/main.mjs` runs them.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { compiledKernel, KERNEL_FILE } from "./compile_kernel.ts";

const root = join(import.meta.dirname, "..");
const directory = resolve(process.argv[2] ?? join(root, "dist"));
const outdir = join(directory, "agent");

// What is released is built from its sources, also the part of it that is kept compiled.
if (readFileSync(join(root, KERNEL_FILE), "utf8") !== (await compiledKernel()))
  throw new Error(`${KERNEL_FILE} is not what packages/kernel/assembly compiles to: run npm run kernel.`);
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
// The version is read from beside the program, as in the checkout.
copyFileSync(join(root, "packages/agent/package.json"), join(directory, "package.json"));
await build({
  entryPoints: [join(root, "packages/agent/src/main.ts")],
  outdir,
  bundle: true,
  // What is loaded late in the sources is loaded late here.
  splitting: true,
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
});
process.stdout.write(`${outdir}/main.mjs\n`);
