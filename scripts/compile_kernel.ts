import { join } from "node:path";
import { compiledModule } from "./compile_wasm.ts";

const root = join(import.meta.dirname, "..");

/** Where the compiled kernel is kept. */
export const KERNEL_FILE = "packages/kernel/src/kernel_wasm.ts";

/**
 * That file, as it is built from `packages/kernel/assembly`.
 * @param baseDirectory where that is; another one for sources that were changed to measure something.
 */
export function compiledKernel(baseDirectory = root): Promise<string> {
  const source = "packages/kernel/assembly/kernel.ts";
  return compiledModule({
    name: "kernel",
    source,
    script: "scripts/kernel.ts",
    constant: "KERNEL_WASM",
    baseDirectory,
  });
}
