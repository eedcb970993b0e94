/**
 * What each trick of the kernel is worth: `node bench/kernel_tricks.ts [ROUNDS [NAME]]`. The kernel is compiled once more for each of them,
 * with sources in which a simpler way stands in its place, and makes bodies of the same lines in turn with the kernel as it is. The table
 * has the medians of how much longer that takes, and how much larger bodies become. The first row, where nothing is changed, shows how
 * far the figures can be trusted. What a changed kernel makes is unpacked by zlib and compared, too.
 */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { KernelBody } from "../packages/kernel/src/mod.ts";
import { compiledKernel, KERNEL_FILE } from "../scripts/compile_kernel.ts";
import { chunksOf, corpusOf } from "./encoder_corpus.ts";
import { replaced, TRICKS_OFF, type TrickOff } from "./kernel_tricks_off.ts";
import { median } from "./stats.ts";

const ROOT = join(import.meta.dirname, "..");
const MEGABYTES = 4;
/** Until V8 has compiled all of it with care. */
const WARM_UP = 4;
const MAX_BODY = 2 * 1024 * 1024;
const PARTS = { head: '{"lines":[', opening: '{"line":"', tail: "]}" };
const CLOSING = { texts: [',"timestamp":1700000000000,"file":"/var/log/service/app.log"}'] } as const;

interface Variant {
  readonly name: string;
  readonly body: KernelBody;
  readonly isLate: boolean;
  /** Its time in each round, as a share of that of all tricks right before or behind it. */
  readonly ratios: number[];
  bytes: number;
}

const rounds = Number(process.argv[2] ?? 31);
const only = process.argv[3];
const work = mkdtempSync(join(tmpdir(), "kernel-tricks-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));

const chunks = chunksOf(corpusOf(MEGABYTES * 1e6));
const tricks = Object.entries(TRICKS_OFF).filter(([name]) => only === undefined || name.includes(only));
const all = await variant("all tricks", { changes: {} });
const variants = [all];
for (const [name, off] of tricks) variants.push(await variant(name, off));
for (let times = 0; times < WARM_UP; times += 1) for (const each of variants) assert.ok(encode(each, times === 0) > 0);
for (let round = 0; round < rounds; round += 1)
  for (const each of variants) {
    // Right behind each other, and in either order: what else the machine does falls on both alike.
    const [first, second] = round % 2 === 0 ? [all, each] : [each, all];
    const times = [timeOf(first), timeOf(second)] as const;
    each.ratios.push(round % 2 === 0 ? times[1] / times[0] : times[0] / times[1]);
  }
process.stdout.write(`${"without".padEnd(44)}${"time".padStart(8)}${"size".padStart(8)}\n`);
for (const { name, ratios, bytes } of variants)
  process.stdout.write(`${name.padEnd(44)}${percent(median(ratios))}${percent(bytes / all.bytes)}\n`);

/** Microseconds of this thread that a variant takes for all lines. */
function timeOf(variant: Variant): number {
  const begun = process.threadCpuUsage();
  variant.bytes = encode(variant, false);
  const { user, system } = process.threadCpuUsage(begun);
  return user + system;
}

/** A kernel whose sources have other text in the place of some: by file, what stands there and what is to. */
async function variant(name: string, { changes, isLate = false }: TrickOff): Promise<Variant> {
  const directory = join(work, name.replaceAll(/\W/g, "_"));
  const kernel = join(directory, "packages/kernel");
  cpSync(join(ROOT, "packages/kernel"), kernel, { recursive: true });
  for (const [file, replacements] of Object.entries(changes)) {
    const path = join(kernel, "assembly", file);
    writeFileSync(path, replaced(readFileSync(path, "utf8"), replacements));
  }
  writeFileSync(join(directory, KERNEL_FILE), await compiledKernel(directory));
  const { KernelBody: Body } = (await import(join(kernel, "src/mod.ts"))) as { KernelBody: typeof KernelBody };
  return {
    name,
    body: new Body({ ...PARTS, maxBody: MAX_BODY, compress: true }),
    isLate,
    ratios: [],
    bytes: 0,
  };
}

/** @returns the bytes of all bodies. */
function encode({ body, isLate }: Variant, isChecked: boolean): number {
  let bytes = 0;
  const finish = (): void => {
    const size = body.end();
    const result = body.compressed(size);
    if (isChecked) assert.ok(gunzipSync(result).equals(body.text(size)), "another text");
    bytes += result.length;
    body.begin(isLate);
  };
  const add = (chunk: Buffer): boolean => body.add(chunk, CLOSING, false) !== undefined;
  body.begin(isLate);
  for (const chunk of chunks) {
    if (add(chunk)) continue;
    finish();
    add(chunk);
  }
  finish();
  return bytes;
}

function percent(ratio: number): string {
  const value = ((ratio - 1) * 100).toFixed(1);
  return `${ratio < 1 ? "" : "+"}${value} %`.padStart(8);
}
