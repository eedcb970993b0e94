import { Buffer } from "node:buffer";
import type { LineClosing } from "@logdna-agent/kernel";
import type { LineFields } from "../lines/fields/line_fields.ts";
import type { LineContext } from "./encoder.ts";
import { ATTRIBUTE, fieldAttributes, NANOS } from "./otlp_format.ts";

/** What each record begins with; its text follows, and then what `OtlpClosings` gives. */
export const RECORD_HEAD = '{"body":{"stringValue":"';

/** Characters that a batch id takes in a body; ids are as long (see `BatchIds`). */
const ID_CHARACTERS = 22;
const NO_ID = idText("");
const BEFORE_ID = `"}},{"key":"${ATTRIBUTE.uid}","value":{"stringValue":"`;

/** The id of a batch as it stands in a body. */
export function idText(id: string): string {
  return id.padEnd(ID_CHARACTERS, "-").slice(0, ID_CHARACTERS);
}

/** What stands behind the text of each record of a run, and ends it: time and attributes, the line's offset and id among them. */
export class OtlpClosings {
  #context: LineContext | undefined;
  #closing: LineClosing | undefined;

  /** The same object again where the context is the same. */
  for(context: LineContext): LineClosing {
    const known = this.#context;
    if (
      this.#closing === undefined ||
      known?.timestamp !== context.timestamp ||
      known.file !== context.file ||
      known.source !== context.source ||
      known.fields !== context.fields ||
      known.meta !== context.meta
    ) {
      this.#closing = closingOf(context);
      this.#context = context;
    }
    return this.#closing;
  }
}

function closingOf({ file, fields = { file }, timestamp, source, meta }: LineContext): LineClosing {
  const { level }: LineFields = fields;
  const attributes = fieldAttributes(meta === undefined ? { ...fields } : { ...fields, meta: JSON.parse(meta) });
  const shared = attributes.map((attribute) => `${latin1(JSON.stringify(attribute))},`).join("");
  const severity = level === undefined ? "" : `,"severityText":${latin1(JSON.stringify(level))}`;
  const time = `},"observedTimeUnixNano":"${timestamp}${NANOS}"${severity}`;
  const beforeOffset = `${time},"attributes":[${shared}{"key":"${ATTRIBUTE.offset}","value":{"intValue":"`;
  if (source === undefined || source <= 0) return { texts: [beforeOffset, '"}}]}'] };
  return { texts: [beforeOffset, `${BEFORE_ID}${NO_ID}-${source}-`, '"}}]}'], idAt: BEFORE_ID.length };
}

/** One character for each byte of UTF-8. */
export function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}
