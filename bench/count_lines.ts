/** How many log lines a request body holds, for each form that shippers send. */
import { Buffer } from "node:buffer";

/**
 * How lines are told apart: by a text that each has once, such as `{"line":`, outside of what it says; as records of OTLP in
 * protobuf; or as pairs of lines of the bulk API of Elasticsearch.
 */
export type LineForm = { readonly mark: string } | "otlp-protobuf" | "bulk";

export function countLines(body: Buffer, form: LineForm): number {
  if (form === "otlp-protobuf") return recordsOf(body, 0, body.length, [1, 2, 2]);
  if (form === "bulk") return countMarks(body, Buffer.from("\n")) >> 1;
  return countMarks(body, Buffer.from(form.mark));
}

function countMarks(body: Buffer, mark: Buffer): number {
  let count = 0;
  // One byte is searched for many times faster as a number.
  const sought = mark.length === 1 ? (mark[0] ?? 0) : mark;
  for (let at = body.indexOf(sought); at >= 0; at = body.indexOf(sought, at + mark.length)) count += 1;
  return count;
}

/**
 * Fields with a path of numbers in a message of protobuf (the encoding of its documentation): `resource_logs`, `scope_logs`,
 * `log_records` of `ExportLogsServiceRequest`.
 */
function recordsOf(body: Buffer, from: number, to: number, path: readonly number[]): number {
  const [sought, ...rest] = path;
  let count = 0;
  let at = from;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = body[at++] ?? 0;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (key >>> 3 === sought) count += rest.length === 0 ? 1 : recordsOf(body, at, at + length, rest);
      at += length;
    } else throw new Error(`A message of protobuf has a field of the unknown type ${wire}.`);
  }
  return count;
}
