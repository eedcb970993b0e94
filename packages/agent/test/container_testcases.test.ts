/**
 * Runs the cases under `testcases/containers/`: `log` is what a runtime has written, and an agent ships it as the log of a container
 * of Kubernetes, with the `env` (`NAME=VALUE` lines) beside it. `expected.jsonl` is what arrives, one line each: its text as
 * `line`, and those of `timestamp` and `meta` that it has.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace } from "./agent.ts";
import { ContainerHost } from "./container_host.ts";
import { runCase } from "./rule_case.ts";

const CASES = join(import.meta.dirname, "../../../testcases/containers");

interface ExpectedLine {
  readonly line: string;
  readonly timestamp?: string;
  readonly meta?: unknown;
}

for (const name of readdirSync(CASES).sort()) {
  test(`container case ${name}`, async (t) => {
    const file = (of: string): string => join(CASES, name, of);
    const place = makePlace();
    const host = new ContainerHost(place);
    host.configure();
    const log = readFileSync(file("log"));
    const container = host.start("pod", { runtime: log[0] === 0x7b ? "docker" : "cri" });
    writeFileSync(container.log, log);
    if (existsSync(file("env"))) writeFileSync(join(place.root, "env"), readFileSync(file("env")));
    const lines = readFileSync(file("expected.jsonl"), "utf8").split("\n");
    const expected = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as ExpectedLine);
    const result = await runCase(t, place, expected.length);
    const arrived = result.lines.map(({ line, timestamp = 0, meta }, n) => ({
      line,
      ...(expected[n]?.timestamp !== undefined && { timestamp: new Date(timestamp).toISOString() }),
      ...(meta !== undefined && { meta }),
    }));
    assert.deepEqual(arrived, expected);
    assert.equal(result.read, statSync(container.log).size, "all of the file was read");
  });
}
