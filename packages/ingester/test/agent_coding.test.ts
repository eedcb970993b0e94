import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "../../agent/test/agent.ts";
import { eventually } from "../../agent/test/eventually.ts";
import { startServer } from "./server.ts";

test("the agent goes over to zstd with this server, which stores each line once, in its order", async (t) => {
  const server = await startServer(t);
  const place = makePlace();
  const { host, port } = new URL(server.url);
  const env = { LOGDNA_HOST: host, LOGDNA_INGESTION_KEY: server.key };
  const agent = await startedAgent(t, { place, port: Number(port), env });
  const lines: string[] = [];
  const ship = async (name: string): Promise<void> => {
    const more = Array.from({ length: 60 }, (_, n) => `${name} ${n} ${"text ".repeat(40)}`);
    lines.push(...more);
    appendFileSync(join(place.logs, "a.log"), `${more.join("\n")}\n`);
    await eventually(async () => (await server.texts({})).length === lines.length, `${lines.length} lines are stored`);
  };
  await ship("gzip");
  await agent.logged(({ event, coding }) => event === "coding_changed" && coding === "zstd");
  await ship("zstd");
  assert.equal(await agent.stop(), 0);
  assert.deepEqual((await server.texts({})).toSorted(), lines.toSorted());
  assert.equal(server.complaints(), "");
});
