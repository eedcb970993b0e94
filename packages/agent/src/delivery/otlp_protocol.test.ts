import assert from "node:assert/strict";
import { test } from "node:test";
import { otlpProtocol } from "./otlp_protocol.ts";

const { rejectionIn } = otlpProtocol({ endpoint: "/", key: () => "", keyHeader: undefined, headers: [] });

for (const answer of [
  '{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}',
  '{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"too old"}}',
  '{"partial_success":{"rejected_log_records":"3","error_message":"too old"}}',
  '{"partialSuccess":{"rejected_log_records":3,"error_message":"too old"}}',
]) {
  test(`${answer} rejects three records`, () => {
    assert.deepEqual(rejectionIn?.(answer), { lines: 3, reason: "too old" });
  });
}

for (const answer of [
  "",
  "{}",
  '{"partial_success":null}',
  '{"partial_success":{"rejected_log_records":"0"}}',
  "[3]",
]) {
  test(`${answer || "nothing"} rejects no record`, () => assert.equal(rejectionIn?.(answer), undefined));
}
