import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

/** Rules of an operator, each with a file name for which matching by trial and error takes longer than anyone waits. */
const ATTACKS: readonly (readonly [option: string, rule: string, name: string])[] = [
  ["LOGDNA_EXCLUSION_REGEX_RULES", "(a+)+$", `${"a".repeat(250)}!`],
  ["LOGDNA_EXCLUSION_REGEX_RULES", "(([a-z])+.)+[A-Z]([a-z])+$", `${"a".repeat(251)}.log`],
  ["LOGDNA_INCLUSION_REGEX_RULES", "(x+x+)+y$", "x".repeat(255)],
  ["LOGDNA_EXCLUSION_RULES", "**/*a*a*a*a*a*a*a*a*z", `${"a".repeat(251)}.log`],
  ["LOGDNA_EXCLUSION_RULES", "**/!(*a*a*a*a*a*a*b)*a*a*a*a*a*a*a*z", "a".repeat(255)],
];

for (const [option, rule, name] of ATTACKS) {
  test(`a file name made against the rule ${rule} does not keep other files from flowing`, async (t: TestContext) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const before = join(place.logs, "before");
    mkdirSync(before);
    writeFileSync(join(before, name), "from the attacker\n");
    const good = join(place.logs, "good.log");
    writeFileSync(good, "one\n");
    await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start", [option]: rule } });
    await sink.until(() => sink.texts(good).length === 1);
    // The same while it runs: in a directory that is new, and in one that is known.
    const after = join(place.logs, "after");
    mkdirSync(after);
    writeFileSync(join(after, name), "from the attacker\n");
    writeFileSync(join(place.logs, name), "from the attacker\n");
    appendFileSync(good, "two\n");
    writeFileSync(join(after, "new.log"), "three\n");
    await sink.until(() => sink.texts(good).length === 2 && sink.texts(join(after, "new.log")).length === 1);
    assert.deepEqual(sink.texts(good), ["one", "two"]);
  });
}
