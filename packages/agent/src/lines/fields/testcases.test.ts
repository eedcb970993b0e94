/**
 * Runs the cases under `testcases/fields/`: `options.json` has the options of `LineOptions` that say fields, and beside them
 * `hostname` and `environment`; `path` has the path of a file; `expected.json` what a line of it has besides `line` and
 * `timestamp`, whichever protocol it is sent with.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readExport } from "../../../test/otlp/export_request.ts";
import { type BodyFormat, LOGDNA_FORMAT } from "../../batch/body_format.ts";
import type { BodyEncoder } from "../../batch/encoder.ts";
import { JsonEncoder } from "../../batch/json_encoder.ts";
import { OtlpEncoder } from "../../batch/otlp_encoder.ts";
import { OtlpFormat } from "../../batch/otlp_format.ts";
import { lineFields } from "./line_fields.ts";

const CASES = join(import.meta.dirname, "../../../../../testcases/fields");
const OTLP = new OtlpFormat({ hostname: "h", ip: undefined, mac: undefined, tags: [], version: "1" });

for (const name of readdirSync(CASES).sort()) {
  const read = (file: string): string => readFileSync(join(CASES, name, file), "utf8").replace(/\n$/, "");
  test(`fields: ${name}`, async () => {
    const { hostname = "os-name", environment = {}, ...options } = JSON.parse(read("options.json"));
    const path = read("path");
    const fields = lineFields(options, { hostname, environment })?.(path);
    const limits = { maxBody: 1 << 20, gzipLevel: 0 };
    const encoders: readonly (readonly [BodyEncoder, BodyFormat])[] = [
      [new JsonEncoder(limits), LOGDNA_FORMAT],
      [new OtlpEncoder({ ...limits, format: OTLP }), OTLP],
    ];
    for (const [encoder, format] of encoders) {
      encoder.add(Buffer.from("one\ntwo\n"), { file: path, fields, timestamp: 1, source: 7 }, 0);
      const body = (await encoder.finish("0m0000000-abcdefghijkl")).bytes.toString("utf8");
      if (format === OTLP) assert.equal(readExport(body).length, 2);
      const lines = format.linesOf(body);
      assert.deepEqual(
        lines.map(({ line }) => line),
        ["one", "two"],
      );
      for (const { line, timestamp, offset, uid, ...rest } of lines)
        assert.deepEqual(JSON.parse(JSON.stringify(rest)), JSON.parse(read("expected.json")));
      // What is cut for a server that refuses it has the same fields.
      assert.deepEqual(format.linesOf(format.bodyOf(lines)), lines);
    }
  });
}
