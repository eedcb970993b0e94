import { KernelError, selfTest } from "@logdna-agent/kernel";
import type { AgentEvent } from "../telemetry/events.ts";
import type { BodyBufferOptions } from "./body_buffers.ts";
import type { BodyEncoder } from "./encoder.ts";
import { KernelEncoder, type KernelForm } from "./kernel_encoder.ts";
import { logdnaForm, otlpForm } from "./kernel_forms.ts";
import type { OtlpFormat } from "./otlp_format.ts";

/** The highest level of zlib that the kernel compresses as well as. */
const KERNEL_LEVEL = 2;

export interface EncoderChoice extends BodyBufferOptions {
  readonly encoder: "auto" | "kernel" | "zlib";
  /** How bodies are written for OTLP; undefined for the LogDNA protocol. */
  readonly otlp?: OtlpFormat | undefined;
}

/**
 * The encoder for bodies. The kernel proves itself before it is used; where it does not, that is said, and zlib takes its place.
 * @param test throws {KernelError} when the kernel is not to be used.
 */
export function chooseEncoder(
  choice: EncoderChoice,
  emit: (event: AgentEvent) => void,
  test: () => void = selfTest,
): BodyEncoder {
  const { encoder, gzipLevel, otlp } = choice;
  const form: KernelForm = otlp === undefined ? logdnaForm(choice) : otlpForm({ ...choice, format: otlp });
  const plain = (): BodyEncoder => {
    emit({ name: "encoder_chosen", encoder: "zlib" });
    return form.plain();
  };
  if (encoder === "zlib" || (encoder === "auto" && gzipLevel > KERNEL_LEVEL)) return plain();
  const onFailure = (reason: string): void => emit({ name: "kernel_failed", reason });
  try {
    test();
    const kernel = new KernelEncoder({ ...choice, onFailure }, form);
    emit({ name: "encoder_chosen", encoder: "kernel" });
    return kernel;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    onFailure(error.message);
    return plain();
  }
}
