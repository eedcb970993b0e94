// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of the agent's options.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startAgent } from "../../agent/test/agent.ts";
import { eventually } from "../../agent/test/eventually.ts";
import { startServer } from "./server.ts";

test("what the agent says of its lines is stored with them, and they are found by it", async (t) => {
  const server = await startServer(t);
  const place = makePlace();
  const log = join(place.logs, "a.log");
  writeFileSync(log, `one\n${"long ".repeat(100)}\n`);
  startAgent(t, {
    place,
    port: Number(new URL(server.url).port),
    env: {
      LOGDNA_HOST: new URL(server.url).host,
      LOGDNA_INGESTION_KEY: server.key,
      LOGDNA_LOOKBACK: "start",
      LOGDNA_LINE_MAX_PART: "300",
      LOGDNA_TAGS: "of the host",
      LOGDNA_META_APP: "shop ${env.STAGE}",
      LOGDNA_META_HOST: "node-7",
      LOGDNA_META_ENV: "prod",
      LOGDNA_META_FILE: "shop:${line.file}",
      LOGDNA_META_JSON: '{"team": "ä \\"web\\""}',
      STAGE: "blue",
    },
  });
  await eventually(async () => (await server.lines({})).length === 3, "three lines are stored");
  const lines = await server.lines({});
  for (const { host, app, env, file, tags } of lines)
    assert.deepEqual(
      { host, app, env, file, tags },
      { host: "node-7", app: "shop blue", env: "prod", file: `shop:${log}`, tags: ["of the host"] },
    );
  assert.deepEqual(
    lines.map(({ meta }) => JSON.parse(meta)),
    [
      { team: 'ä "web"' },
      { team: 'ä "web"', line_part: 1, line_offset: 4, line_end: false },
      { team: 'ä "web"', line_part: 2, line_offset: 4, line_end: true },
    ],
  );
  for (const q of ['app:"shop blue"', "host:node-7", "env:prod", 'tag:"of the host"', `file:"shop:${log}"`])
    assert.equal((await server.texts({ q })).length, 3, q);
  for (const q of ["host:test-host", "-env:prod", "env:dev"]) assert.deepEqual(await server.texts({ q }), [], q);
});
