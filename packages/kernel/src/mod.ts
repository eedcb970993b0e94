/** The kernel: lines of a file become the body of a request, escaped and compressed, in WebAssembly. */
export { type Added, type BodyParts, KernelBody, type LineClosing } from "./body.ts";
export { KernelError } from "./kernel.ts";
export { selfTest } from "./self_test.ts";
