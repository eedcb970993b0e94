import assert from "node:assert/strict";
import { test } from "node:test";
import { optionsOf } from "./options.ts";

test("variants of the agent have the settings of all and their own", () => {
  const { variants, measures } = optionsOf([
    ...[
      "throughput",
      "--agent-env",
      "LOGDNA_GZIP_LEVEL=1",
      "--variant",
      "zlib:LOGDNA_ENCODER=zlib LOGDNA_GZIP_LEVEL=2",
    ],
    ...["--program", "before:/a/main.mjs"],
  ]);
  assert.deepEqual(measures, ["throughput"]);
  assert.deepEqual(variants, [
    { name: "this agent", env: { LOGDNA_GZIP_LEVEL: "1" } },
    { name: "this agent, zlib", env: { LOGDNA_GZIP_LEVEL: "2", LOGDNA_ENCODER: "zlib" } },
    { name: "this agent, before", env: { LOGDNA_GZIP_LEVEL: "1" }, program: "/a/main.mjs" },
  ]);
});

test("options that make no sense are errors that say so", () => {
  assert.throws(() => optionsOf(["--quick", "--record"]), /--quick makes no numbers/);
  assert.throws(() => optionsOf(["--runs", "0"]), /--runs takes a number above 0, not "0"/);
  assert.throws(() => optionsOf(["--variant", "A=B"]), /has no name/);
  assert.throws(() => optionsOf(["--agent-env", "A"]), /NAME=VALUE/);
});
