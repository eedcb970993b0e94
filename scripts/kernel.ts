/**
 * Compiles the kernel, `packages/kernel/assembly`, to WebAssembly: `npm run kernel`. It is kept as text in a source file, so that
 * it is there wherever the program is, also in one file and when nothing may be read any more. The same source gives
 * the same bytes, which a test checks.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiledKernel } from "./compile_kernel.ts";

const FILE = "packages/kernel/src/kernel_wasm.ts";

writeFileSync(join(import.meta.dirname, "..", FILE), await compiledKernel());
process.stdout.write(`${FILE} written.\n`);
