import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { StatusReport } from "../src/status/report.ts";
import { mountAt, mountsRefused } from "../src/watch/mounting.ts";
import { configFile, makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { LAUNCHER } from "./launcher.ts";
import { startSink } from "./sink.ts";

function status(place: Place, ...args: string[]): { status: number | null; output: string; errors: string } {
  const env = { PATH: process.env.PATH, LOGDNA_CONFIG_FILE: configFile(place), LOGDNA_DB_PATH: place.state };
  const ended = spawnSync(LAUNCHER, ["status", ...args], { env, encoding: "utf8" });
  return { status: ended.status, output: ended.stdout, errors: ended.stderr };
}

function report(place: Place): StatusReport {
  return JSON.parse(status(place, "--json").output) as StatusReport;
}

test("status tells what became of every byte, and what is still to be read", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  assert.equal(status(place).status, 3);
  assert.match(status(place).errors, /no agent has written its status there/);
  const log = join(place.logs, "a.log");
  writeFileSync(log, "");
  const env = { LOGDNA_LINE_MAX: "65536", LOGDNA_LINE_MAX_PART: "32768" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  appendFileSync(log, `one\n\n${"x".repeat(200_000)}\ntwo\n`);
  await sink.until(() => sink.texts().includes("two"));
  const size = statSync(log).size;
  await eventually(() => report(place).accounting.shipped + report(place).accounting.dropped > 200_000, "the status");
  const { accounting, backlog, pid, notReady, linesShipped } = report(place);
  assert.equal(accounting.read, size);
  assert.equal(accounting.excluded, 1);
  assert.ok(accounting.dropped > 100_000);
  assert.equal(accounting.shipped + accounting.excluded + accounting.dropped, size);
  assert.equal(accounting.inFlight, 0);
  assert.deepEqual([backlog.bytes, pid, notReady], [0, agent.pid, undefined]);
  assert.equal(linesShipped, sink.lines().length);
  assert.equal(statSync(join(place.state, "status.json")).mode & 0o777, 0o600);

  sink.behave((_, response) => {
    response.writeHead(503).end("{}");
    return true;
  });
  appendFileSync(log, "y".repeat(99).concat("\n").repeat(200_000));
  let behind = report(place);
  await eventually(() => {
    behind = report(place);
    return behind.backlog.bytes > 0 && behind.notReady === "delivery fails";
  }, "a backlog while delivery fails");
  assert.match(behind.lastError?.text ?? "", /503/);
  assert.equal(behind.backlog.files[0]?.path, log);
  assert.ok(behind.accounting.inFlight > 0);
  const shown = status(place).output;
  assert.match(shown, /^State {7}delivery fails$/m);
  assert.match(shown, new RegExp(`░ .* of 20\\.2 MB {2}${log}`));
  assert.ok(!shown.includes("Mistake"));

  sink.behave(undefined);
  await eventually(() => report(place).accounting.shipped > 20_000_000, "everything");
  assert.equal(await agent.stop(), 0);
  assert.match(status(place).errors, /has ended/);
  assert.equal(
    agent.log().some(({ event }) => event === "accounting_mismatch"),
    false,
  );
});

test("probes tell an agent that cannot deliver, and one that stands still", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  sink.behave((_, response) => {
    response.writeHead(503).end("{}");
    return true;
  });
  const agent = await startedAgent(t, { place, port: sink.port });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await eventually(() => status(place, "--ready").status === 1, "an agent that is not ready");
  assert.match(status(place, "--ready").errors, /not ready: delivery fails/);
  assert.equal(status(place, "--max-age", "30").status, 0);
  sink.behave(undefined);
  await eventually(() => status(place, "--ready").status === 0, "an agent that is ready");
  process.kill(agent.pid, "SIGSTOP");
  await eventually(() => status(place, "--max-age=1").status === 1, "an agent that stands still");
  assert.match(status(place, "--max-age", "1").errors, /has not told its status for \d+ s/);
  process.kill(agent.pid, "SIGCONT");
  await eventually(() => status(place, "--max-age=3").status === 0, "an agent that goes on");
  for (const wrong of [["--max-age"], ["--max-age", "x"], ["--max-age=-1"]])
    assert.equal(status(place, ...wrong).status, 22);
});

test("what is in hand at a reload is given back, and the account still adds up", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "a.log");
  writeFileSync(log, "");
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_SHUTDOWN_TIMEOUT: "100" } });
  // It takes the request and says nothing until the reload is over.
  let silent = true;
  sink.behave(() => silent);
  appendFileSync(log, "one\ntwo\n");
  await sink.until(() => sink.requests.length > 0);
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reloaded");
  silent = false;
  await sink.until(() => sink.texts().includes("two"));
  await eventually(() => report(place).accounting.shipped === 8, "the status");
  const { accounting } = report(place);
  assert.deepEqual(accounting, { read: 16, shipped: 8, excluded: 0, dropped: 0, givenBack: 8, inFlight: 0 });
  assert.equal(await agent.stop(), 0);
  assert.equal(
    agent.log().some(({ event }) => event === "accounting_mismatch"),
    false,
  );
});

test("an agent that nothing happens to writes its status seldom, and at once when something does", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "a.log");
  writeFileSync(log, "");
  await startedAgent(t, { place, port: sink.port });
  let since = performance.now();
  let writtenAt = 0;
  await eventually(() => {
    const told = report(place).writtenAt;
    if (told !== writtenAt) since = performance.now();
    writtenAt = told;
    return performance.now() - since > 4000;
  }, "four seconds without another status");
  assert.doesNotMatch(status(place).output, /hangs/);
  appendFileSync(log, "one\n");
  await eventually(() => report(place).linesShipped === 1, "the status");
  // It says that it lives, in time for nobody to take it for one that hangs.
  const { writtenAt: last } = report(place);
  await eventually(() => report(place).writtenAt - last > 5000, "a sign of life", 20_000);
  assert.ok(report(place).writtenAt - last < 20_000);
});

test("a status that cannot be read is not said to be that of an agent that does not run", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port });
  const path = join(place.state, "status.json");
  const whole = readFileSync(path, "utf8");
  // The agent writes again within a second, so it is ended first.
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  assert.equal(status(place).status, 3);
  writeFileSync(path, whole.slice(0, 100));
  const cut = status(place);
  assert.deepEqual([cut.status, cut.output], [4, ""]);
  assert.match(cut.errors, /is not known.*it is not complete/);
  unlinkSync(path);
  execFileSync("mkfifo", [path]);
  assert.equal(status(place).status, 4);
  // Of a process that runs, and has told nothing for long.
  unlinkSync(path);
  const report = { ...(JSON.parse(whole) as StatusReport), pid: process.pid, writtenAt: Date.now() - 60_000 };
  writeFileSync(path, JSON.stringify(report));
  assert.match(status(place).output, /Written +\d+ s ago: the agent hangs, or its disk is full/);
});

test("a full disk that keeps the status from being written is told", { skip: mountsRefused() }, async (t) => {
  const place = makePlace();
  mkdirSync(place.state);
  const unmount = mountAt(place.state, "-t", "tmpfs", "-o", "size=64k", "tmpfs");
  t.after(unmount);
  try {
    for (;;) appendFileSync(join(place.state, "filler"), Buffer.alloc(4096));
  } catch {
    // The disk is full.
  }
  const told = status(place);
  assert.equal(told.status, 4);
  assert.match(told.errors, /the disk is full.*Free some space/);
});

test("help and errors are told", () => {
  const place = makePlace();
  assert.match(status(place, "--help").output, /^Usage: logdna-agent status/);
  assert.equal(status(place, "--no-such-flag").status, 22);
});
