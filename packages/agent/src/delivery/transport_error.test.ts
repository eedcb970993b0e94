import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf } from "./transport_error.ts";

const coded = (code: string, message = ""): Error => Object.assign(new Error(message), { code });

for (const code of ["ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH"]) {
  test(`of ${code} it is said what to check`, () => {
    assert.match(reasonOf(coded(code, `connect ${code} 192.0.2.1:443`), "server"), /: check /);
  });
}

test("of a name whose addresses all fail each reason is told, once", () => {
  const errors = [coded("ENETUNREACH"), coded("ENETUNREACH"), coded("ECONNREFUSED")];
  const reason = reasonOf(Object.assign(new AggregateError(errors), { code: "ENETUNREACH" }), "server");
  assert.match(reason, /^this machine has no route to its network: [^;]+; nothing listens there: [^;]+$/);
});
