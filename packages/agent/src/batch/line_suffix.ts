import { Buffer } from "node:buffer";
import type { LineFields } from "../lines/fields/line_fields.ts";
import type { LineContext } from "./encoder.ts";

/** What stands behind the text of each line of a run, and ends it, in the LogDNA protocol: one character of latin1 for each byte. */
export class LineSuffix {
  readonly #fields = new WeakMap<LineFields, string>();
  #context: LineContext | undefined;
  #text = "";

  /** The same string again where the context is the same. */
  for(context: LineContext): string {
    const known = this.#context;
    if (
      known === undefined ||
      known.timestamp !== context.timestamp ||
      known.file !== context.file ||
      known.fields !== context.fields ||
      known.meta !== context.meta
    ) {
      this.#text = `,"timestamp":${context.timestamp}${this.#fieldsOf(context)}}`;
      this.#context = context;
    }
    return this.#text;
  }

  /** What is the same in all lines of a file, each time that it is read. */
  #fieldsOf({ fields, file, meta }: LineContext): string {
    if (fields === undefined || meta !== undefined) return fieldsText(fields ?? { file }, meta);
    let text = this.#fields.get(fields);
    if (text === undefined) {
      text = fieldsText(fields, fields.meta && JSON.stringify(fields.meta));
      this.#fields.set(fields, text);
    }
    return text;
  }
}

/** Fields as they stand behind others, one character of latin1 for each byte. @param meta as JSON. */
function fieldsText({ meta: _, ...fields }: LineFields, meta: string | undefined): string {
  const { file, app, host, env, tags, ...more } = fields;
  const text = JSON.stringify({ file, app, host, env, tags, ...more }).slice(1, -1);
  const all = `${text === "" ? "" : `,${text}`}${meta === undefined ? "" : `,"meta":${meta}`}`;
  return Buffer.from(all).toString("latin1");
}
