import { join } from "node:path";
import { compiledModule } from "./compile_wasm.ts";

/** Where the compiled scanner is kept. */
export const SCANNER_FILE = "packages/ingester/src/receive/scanner_wasm.ts";

/** That file, as it is built from `packages/ingester/assembly`. */
export function compiledScanner(): Promise<string> {
  const source = "packages/ingester/assembly/scanner.ts";
  const baseDirectory = join(import.meta.dirname, "..");
  return compiledModule({
    name: "scanner",
    source,
    script: "scripts/scanner.ts",
    constant: "SCANNER_WASM",
    baseDirectory,
  });
}
