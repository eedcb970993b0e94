import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NODE_FLAGS, VARIABLES } from "./small_memory.ts";

const launcher = readFileSync(join(import.meta.dirname, "../../../../bin/logdna-agent"), "utf8");

test("the launcher gives the flags and variables that keep memory small", () => {
  const [, flags = ""] = /^exec "\$node" (.*) "\$root\/packages/m.exec(launcher) ?? [];
  for (const flag of NODE_FLAGS) assert.ok(flags.split(" ").includes(flag), `bin/logdna-agent lacks ${flag}`);
  const exported = [...launcher.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  assert.deepEqual(Object.fromEntries(exported), VARIABLES);
});
