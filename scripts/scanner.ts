/**
 * Compiles the ingestion server's scanner, `packages/ingester/assembly`, to WebAssembly: `node scripts/scanner.ts`. It is kept as text in
 * a source file, as the kernel is (`kernel.ts`).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiledScanner, SCANNER_FILE } from "./compile_scanner.ts";

writeFileSync(join(import.meta.dirname, "..", SCANNER_FILE), await compiledScanner());
process.stdout.write(`${SCANNER_FILE} written.\n`);
