import type { LineClosing } from "@logdna-agent/kernel";
import { BODY_HEAD, BODY_TAIL } from "@logdna-agent/protocol";
import { JsonEncoder, type JsonEncoderOptions, LINE_HEAD } from "./json_encoder.ts";
import type { KernelForm } from "./kernel_encoder.ts";
import { LineSuffix } from "./line_suffix.ts";
import { idText, latin1, OtlpClosings, RECORD_HEAD } from "./otlp_closing.ts";
import { OtlpEncoder, type OtlpEncoderOptions } from "./otlp_encoder.ts";

/** Bodies of the LogDNA protocol. */
export function logdnaForm(options: JsonEncoderOptions): KernelForm {
  const suffix = new LineSuffix();
  let closing: LineClosing = { texts: [""] };
  return {
    parts: { head: BODY_HEAD, opening: `${LINE_HEAD}"`, tail: BODY_TAIL },
    closingFor: (context) => {
      const text = suffix.for(context);
      if (closing.texts[0] !== text) closing = { texts: [text] };
      return closing;
    },
    idText: undefined,
    plain: () => new JsonEncoder(options),
  };
}

/** Bodies of OTLP in JSON. */
export function otlpForm(options: OtlpEncoderOptions): KernelForm {
  const { head, tail } = options.format;
  const closings = new OtlpClosings();
  return {
    parts: { head: latin1(head), opening: RECORD_HEAD, tail },
    closingFor: (context) => closings.for(context),
    idText,
    plain: () => new OtlpEncoder(options),
  };
}
