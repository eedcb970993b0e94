import { KernelError, selfTest } from "@logdna-agent/kernel";
import type { AgentEvent } from "../telemetry/events.ts";
import type { BodyEncoder } from "./encoder.ts";
import { JsonEncoder, type JsonEncoderOptions } from "./json_encoder.ts";
import { KernelEncoder } from "./kernel_encoder.ts";

/** The highest level of zlib that the kernel compresses as well as. */
const KERNEL_LEVEL = 2;

export interface EncoderChoice extends JsonEncoderOptions {
  readonly encoder: "auto" | "kernel" | "zlib";
}

/**
 * The encoder for bodies of the LogDNA protocol. The kernel proves itself before it is used; where it does not, that is said, and
 * zlib takes its place.
 * @param test throws {KernelError} when the kernel is not to be used.
 */
export function chooseEncoder(
  choice: EncoderChoice,
  emit: (event: AgentEvent) => void,
  test: () => void = selfTest,
): BodyEncoder {
  const { encoder, gzipLevel } = choice;
  if (encoder === "zlib" || (encoder === "auto" && gzipLevel > KERNEL_LEVEL)) return new JsonEncoder(choice);
  const onFailure = (reason: string): void => emit({ name: "kernel_failed", reason });
  try {
    test();
    return new KernelEncoder({ ...choice, onFailure });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    onFailure(error.message);
    return new JsonEncoder(choice);
  }
}
