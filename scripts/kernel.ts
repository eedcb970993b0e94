/**
 * Compiles the kernel, `packages/kernel/assembly`, to WebAssembly: `npm run kernel`. It is kept as text in a source file, so that
 * it is there wherever the program is, also in one file and when nothing may be read any more. The same source gives
 * the same bytes, which a test checks.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiledKernel, KERNEL_FILE } from "./compile_kernel.ts";

writeFileSync(join(import.meta.dirname, "..", KERNEL_FILE), await compiledKernel());
process.stdout.write(`${KERNEL_FILE} written.\n`);
