import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type AgentProcess, configFile, makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

/** Settings of lines and of the destination. */
interface Settings {
  readonly log?: string;
  readonly http?: string;
}

interface Case {
  readonly what: string;
  readonly before: Settings;
  readonly after: Settings;
  /** What is in the log before the configuration changes. */
  readonly text: string;
  /** What is appended afterwards. */
  readonly more: string;
  /** Requests that are accepted before. */
  readonly accepted?: number;
  /** What arrives of the first line, or what must not be in it. */
  readonly line?: string;
  readonly secret?: RegExp;
}

const SECRET = `card=${"4".repeat(100)}`;
const REDACT = "line_redact_regex: ['card=[0-9]+']";

/** A line with a secret across each border of 8 KiB. */
function acrossBorders(bytes: number): string {
  const rest = `${SECRET}${"x".repeat(8192 - SECRET.length)}`;
  return ("x".repeat(8192 - 50) + rest.repeat(Math.ceil(bytes / 8192))).slice(0, bytes);
}

const CASES: readonly Case[] = [
  {
    what: "smaller parts",
    before: { log: "line_max_part: 65536" },
    after: { log: "line_max_part: 40000" },
    text: "x".repeat(85_000),
    more: "y\nend\n",
    line: `${"x".repeat(85_000)}y`,
  },
  {
    what: "larger parts, and a secret where the old ones end",
    before: { log: `line_max_part: 8192\n  ${REDACT}`, http: "body_size: 65536" },
    after: { log: `line_max_part: 262144\n  ${REDACT}` },
    text: `${acrossBorders(120_000)}\n`,
    more: "end\n",
    secret: /44/,
  },
  {
    what: "redaction, and a line of 3 MB",
    before: {},
    after: { log: REDACT },
    text: `${acrossBorders(3_000_000)}\n`,
    more: "end\n",
    secret: /44/,
  },
  {
    what: "a lower limit of lines",
    before: { log: "line_max_part: 65536" },
    after: { log: "line_max_part: 65536\n  line_max: 100000" },
    text: `${"x".repeat(300_000)}\n`,
    more: "end\n",
  },
  {
    what: "redaction and larger parts, in the middle of a line that goes on slowly",
    before: { log: "line_max_part: 8192", http: "body_size: 65536" },
    after: { log: `line_max_part: 65536\n  ${REDACT}` },
    text: "x".repeat(200_000),
    more: `x ${SECRET}\nend\n`,
    accepted: 1,
    secret: /44/,
  },
  {
    what: "redaction and smaller parts, in the middle of a line with secrets",
    before: { log: "line_max_part: 16384", http: "body_size: 131072" },
    after: { log: `line_max_part: 8192\n  ${REDACT}` },
    text: `${"x".repeat(70_000)}${acrossBorders(200_000)}\n`,
    more: "end\n",
    accepted: 1,
    secret: /44/,
  },
];

function configure(place: Place, { log = "", http = "" }: Settings): void {
  const dirs = `dirs: [${JSON.stringify(place.logs)}]`;
  writeFileSync(configFile(place), `log:\n  ${dirs}\n  ${log}\n${http === "" ? "" : `http:\n  ${http}\n`}`);
}

/** The text of the line that begins a file, put together from its parts. */
function firstLine(sink: Sink): string {
  return sink
    .lines()
    .filter(({ meta }) => (meta as { line_offset?: number } | undefined)?.line_offset === 0)
    .map(({ line }) => line)
    .join("");
}

for (const how of ["a kill -9", "a reload"] as const)
  for (const { what, before, after, text, more, accepted = 0, line, secret } of CASES)
    test(`batches under way are made anew after ${how} with ${what}`, async (t) => {
      const place = makePlace();
      const sink = await startSink();
      t.after(() => sink.close());
      configure(place, before);
      const env = { LOGDNA_SHUTDOWN_TIMEOUT: "500", LOGDNA_MAX_IN_FLIGHT: "2" };
      let agent: AgentProcess = await startedAgent(t, { place, port: sink.port, env });
      let accepts = accepted;
      sink.behave((_, response) => {
        accepts -= 1;
        if (accepts < 0) response.writeHead(503).end();
        return accepts < 0;
      });
      const log = join(place.logs, "a.log");
      writeFileSync(log, text);
      await sink.until(() => sink.requests.length >= accepted + 3, "attempts");
      const first = sink.texts().length;
      if (how === "a kill -9") {
        assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
        configure(place, after);
        agent = await startedAgent(t, { place, port: sink.port, env });
      } else {
        configure(place, after);
        agent.child.kill("SIGHUP");
        await eventually(() => agent.log().some(({ event }) => event === "config_reloaded"), "the new configuration");
      }
      assert.ok(agent.log().some(({ event }) => event === "batches_made_anew"));
      appendFileSync(log, more);
      accepts = Number.POSITIVE_INFINITY;
      await sink.until(() => sink.texts().includes("end"), "the last line");
      const then = sink.texts().slice(first);
      if (line !== undefined) assert.ok(firstLine(sink) === line, `${Buffer.byteLength(firstLine(sink))} bytes`);
      if (secret !== undefined) assert.ok(then.every((shipped) => !secret.test(shipped)));
      assert.ok(then.length > 1);
      assert.equal(await agent.stop(), 0);
      assert.equal(
        agent.log().some(({ event }) => event === "accounting_mismatch"),
        false,
      );
    });
