import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makePlace, startAgent } from "../../agent/test/agent.ts";
import { ContainerHost } from "../../agent/test/container_host.ts";
import { eventually } from "../../agent/test/eventually.ts";
import { matcher } from "../src/query/matcher.ts";
import { readQuery } from "../src/query/query.ts";
import { startServer } from "./server.ts";

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What is stored of what containers of both runtimes write, as the agent sends it. */
async function stored(t: TestContext, form: "raw" | "parsed"): Promise<void> {
  const server = await startServer(t);
  const place = makePlace();
  const host = new ContainerHost(place);
  host.configure([`container_lines: ${form}`]);
  for (const runtime of ["cri", "docker"] as const) {
    const container = host.start(`pod-${runtime}`, { runtime, container: `web-${runtime}` });
    container.write("ERROR: on\tfire", "stderr");
    container.part("all ", false);
    container.part("is well", true);
    container.part("prompt> ", false, "stderr");
  }
  startAgent(t, {
    place,
    port: 0,
    env: {
      LOGDNA_HOST: new URL(server.url).host,
      LOGDNA_INGESTION_KEY: server.key,
      LOGDNA_LOOKBACK: "start",
    },
  });
  await eventually(async () => (await server.lines({})).length === 6, "six lines are stored");
  for (const runtime of ["cri", "docker"]) {
    const lines = (await server.lines({})).filter(({ file }) => file.includes(`/pod-${runtime}_`));
    assert.deepEqual(
      lines.map(({ line, timestamp, level, meta }) => ({ line, at: timestamp - AT, level, ...JSON.parse(meta) })),
      [
        { line: "ERROR: on\tfire", at: 1, level: "error", stream: "stderr" },
        { line: "all is well", at: 2, level: "", stream: "stdout" },
        { line: "prompt> ", at: 4, level: "", stream: "stderr", partial: true },
      ],
    );
  }
  assert.deepEqual(await server.texts({ q: "stream:stderr fire" }), ["ERROR: on\tfire", "ERROR: on\tfire"]);
  assert.deepEqual(await server.texts({ q: "-stream:stderr" }), ["all is well", "all is well"]);
  assert.deepEqual(await server.texts({ q: "2026-01-02T03" }), [], "the prefix is no text");
  assert.equal((await server.lines({ from: AT + 2, to: AT + 3 })).length, 2);
  if (form === "raw") assert.equal((await server.texts({ q: "app:web-cri" })).length, 3);
}

test("lines that are sent as the runtime wrote them are stored as the container wrote them", (t) => stored(t, "raw"));

test("lines that are sent parsed are stored likewise", (t) => stored(t, "parsed"));

test("the same text in any other file is text", async (t) => {
  const server = await startServer(t);
  const cri = "2026-01-02T03:04:05.678Z stdout F text";
  const docker = '{"log":"text\\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}';
  const file = `/var/log/containers/p_ns_c-${"0".repeat(64)}.log`;
  const other = [cri, docker].map((line) => ({ line, file: "/var/log/app.log" }));
  const wrong = ["2026-13-02T03:04:05Z stdout F x", '{"log":"a","stream":"stdin","time":"x"}', '{"log":"'].map(
    (line) => ({ line, file }),
  );
  await server.store("web-1", [...other, ...wrong]);
  assert.deepEqual(
    await server.texts({}),
    [...other, ...wrong].map(({ line }) => line),
  );
  await server.store("web-2", [
    { line: cri, file, app: "own", meta: "text" },
    { line: docker, file, meta: { team: "a" } },
  ]);
  const lines = await server.lines({ host: "web-2" });
  assert.deepEqual(
    lines.map(({ line, app, meta }) => [line, app, meta]),
    [
      ["text", "own", '"text"'],
      ["text", "c", '{"stream":"stdout","team":"a"}'],
    ],
  );
});

test("the live tail finds lines by their stream", async (t) => {
  const server = await startServer(t);
  const file = `/var/log/containers/p_ns_c-${"0".repeat(64)}.log`;
  await server.store("web-1", [
    { line: "2026-01-02T03:04:05Z stdout F out", file },
    { line: "2026-01-02T03:04:06Z stderr F err", file },
  ]);
  const fits = matcher(readQuery({ q: "stream:stderr" }));
  assert.deepEqual(
    (await server.lines({})).filter(fits).map(({ line }) => line),
    ["err"],
  );
});
