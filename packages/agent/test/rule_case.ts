import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { TestContext } from "node:test";
import type { WireLine } from "@logdna-agent/protocol";
import { substituted } from "../src/config/substitution.ts";
import { makePlace, type Place, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

/** Node keeps what it compiled of the agent here: with that, each agent but the first starts in half the time. */
const COMPILED = makePlace().state;

/** What arrived of a case, once the agent had ended. */
export interface CaseResult {
  /** By the names of their files beneath the logs; those of one file in their order. */
  readonly lines: readonly (WireLine & { readonly file: string })[];
  /** Bytes that the agent read. */
  readonly read: number;
}

/**
 * Runs an agent on a place that was made of a case: with its `config.yaml`, its `env` and its `args`, where they are there. `LOGS`
 * and `CASE` stand for the directories of the logs and of the place: in the YAML file by the agent's own variables, in the
 * others by what is done here.
 * @param expected lines that arrive at least, without which the agent is not ended.
 */
export async function runCase(t: TestContext, place: Place, expected: number): Promise<CaseResult> {
  const sink = await startSink();
  t.after(() => sink.close());
  const variables = { LOGS: place.logs, CASE: place.root };
  const linesOf = (file: string): string[] => {
    const path = join(place.root, file);
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    return text.split("\n").flatMap((line) => (line === "" ? [] : [substituted(line, variables).text]));
  };
  const env = Object.fromEntries(linesOf("env").map((line) => /^([^=]*)=(.*)$/.exec(line)?.slice(1) ?? [line, ""]));
  const agent = await startedAgent(t, {
    place,
    port: sink.port,
    args: linesOf("args"),
    // Rules are the same however much was given away; a confined agent takes two starts.
    env: {
      ...{ LOGDNA_LOOKBACK: "start", LOGDNA_CONFINEMENT: "off", NODE_COMPILE_CACHE: COMPILED },
      ...variables,
      ...env,
    },
  });
  // What is missing shows in the comparison, better than here.
  await sink.until(() => sink.lines().length >= expected, undefined, 10_000).catch(() => undefined);
  // What must not arrive would have: before it ends, the agent reads everything, sends it, and tells what it dropped.
  assert.equal(await agent.stop(), 0);
  const counted = agent.log().findLast(({ event }) => event === "agent_counters") ?? assert.fail("nothing was counted");
  const [read = 0, ...became] = ["read", "shipped", "empty", "excluded", "dropped"].map((what) =>
    Number(counted[`bytes_${what}`]),
  );
  const sum = became.reduce((all, bytes) => all + bytes);
  assert.equal(read, sum, "every byte is accounted for");
  const lines = sink.lines().map((line) => ({ ...line, file: relative(place.logs, line.file ?? "") }));
  return { lines: lines.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0)), read };
}
