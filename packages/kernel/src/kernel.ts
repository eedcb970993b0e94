import { Buffer } from "node:buffer";
import { KERNEL_WASM } from "./kernel_wasm.ts";

/** The part of the WebAssembly API that is used here; the types of Node do not have it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** What the module exports, as `assembly/kernel.ts` has it. Addresses and lengths are in bytes of its memory. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Results of `escape` beside its own. */
  readonly lines: { readonly value: number };
  readonly emptyBytes: { readonly value: number };
  escape(source: number, length: number, target: number, limit: number, offset: number, flags: number): number;
  setClosing(parts: number, first: number, second: number, third: number, places: number): void;
  putAtPlaces(places: number, count: number, within: number, text: number, length: number): void;
  beginDeflate(target: number, limit: number): void;
  /** @returns 0 when there is no room. */
  deflate(base: number, from: number, to: number, isLast: number): number;
  deflated(): number;
  freeFrom(): number;
  portion(): number;
  slack(): number;
}

/** The kernel cannot be loaded, or does what it must not. The message says what. */
export class KernelError extends Error {
  override readonly name = "KernelError";
}

const PAGE_BYTES = 64 * 1024;
/** So that no two regions share a line of the cache. */
const ALIGNMENT = 64;

let compiled: object | undefined;

/** An instance of the kernel, with a memory of its own. */
export class Kernel {
  readonly calls: KernelExports;
  #free: number;
  #bytes: Buffer;

  /** @throws {KernelError} when there is no WebAssembly, or not what the kernel needs of it (SIMD). */
  constructor() {
    const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
    if (api === undefined) throw new KernelError("this Node has no WebAssembly");
    try {
      compiled ??= new api.Module(Buffer.from(KERNEL_WASM, "base64"));
      this.calls = new api.Instance(compiled).exports as KernelExports;
    } catch (error) {
      throw new KernelError(`it cannot be compiled (${messageOf(error)})`);
    }
    this.#free = this.calls.freeFrom();
    this.#bytes = Buffer.from(this.calls.memory.buffer);
  }

  /** All of its memory. Not to be kept over a `reserve`: where memory grows, it is at another place afterwards. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /**
   * Takes memory, which is not given back. So much more is readable and writable behind it as the kernel may touch.
   * @returns its address.
   * @throws {KernelError} when there is none left.
   */
  reserve(size: number): number {
    const address = Math.ceil(this.#free / ALIGNMENT) * ALIGNMENT;
    const end = address + size + this.calls.slack();
    const missing = end - this.#bytes.length;
    if (missing > 0) {
      try {
        this.calls.memory.grow(Math.ceil(missing / PAGE_BYTES));
      } catch (error) {
        throw new KernelError(`it gets no more memory (${messageOf(error)})`);
      }
      this.#bytes = Buffer.from(this.calls.memory.buffer);
    }
    this.#free = end;
    return address;
  }
}

/** A region that grows when more is to be put there. What it was is lost then, so at least twice as much is taken. */
export class GrowingRegion {
  readonly #kernel: Kernel;
  #size: number;
  #address: number;

  constructor(kernel: Kernel, size: number) {
    this.#kernel = kernel;
    this.#size = size;
    this.#address = kernel.reserve(size);
  }

  /** Where `size` bytes can be put. What was there before may be gone. */
  for(size: number): number {
    if (size > this.#size) {
      this.#size = Math.max(size, 2 * this.#size);
      this.#address = this.#kernel.reserve(this.#size);
    }
    return this.#address;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
