import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const skip = process.geteuid?.() === 0 ? false : "needs root, to have something to give away";
const KEY = "test-key-0123456789";

/** A field of proc_pid_status(5), of each thread. */
function ofThreads(pid: number, field: string): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    return new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "";
  });
}

test("the agent, started as root, reads a log that only root may read, and has no other power", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "secret.log");
  writeFileSync(log, "", { mode: 0o600 });
  const env = { LOGDNA_CONFINEMENT: "required" };
  // Mounts are shared where a service manager runs, and need not be here.
  const wrapper = ["unshare", "--mount", "--propagation", "shared", "--"];
  const agent = await startedAgent(t, { place, port: sink.port, env, wrapper });
  appendFileSync(log, "for root alone\n");
  await sink.until(() => sink.texts().includes("for root alone"));
  assert.ok(ofThreads(agent.pid, "Uid").every((uids) => !uids.split("\t").includes("0")));
  assert.ok(ofThreads(agent.pid, "Groups").every((groups) => groups.trim() === ""));
  // CAP_DAC_READ_SEARCH is number 2: `<linux/capability.h>`.
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    assert.deepEqual([...new Set(ofThreads(agent.pid, set))], ["0000000000000004"], set);
  assert.deepEqual([...new Set(ofThreads(agent.pid, "NoNewPrivs"))], ["1"]);
  assert.deepEqual([...new Set(ofThreads(agent.pid, "Seccomp"))], ["2"]);
  for (const shown of ["environ", "cmdline"])
    assert.ok(!readFileSync(`/proc/${agent.pid}/${shown}`, "latin1").includes(KEY), shown);
  assert.ok(!agent.output().includes(KEY));
  assert.equal(await agent.stop(), 0);
});

test("a key given by a flag is not on the command line of the confined agent", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const options = { place, port: sink.port, env: { LOGDNA_INGESTION_KEY: undefined }, args: ["-k", KEY] };
  const agent = await startedAgent(t, options);
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  assert.equal(sink.accepted[0]?.headers.apikey, KEY);
  assert.ok(!readFileSync(`/proc/${agent.pid}/cmdline`, "latin1").includes(KEY));
  assert.equal(await agent.stop(), 0);
});

test("with no capability wanted, what only root may read is told and not read", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  // Its user must get to the logs without the capability.
  for (const directory of [place.root, place.logs]) chmodSync(directory, 0o755);
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_NO_CAP: "true" } });
  const secret = join(place.logs, "secret.log");
  writeFileSync(secret, "for root alone\n", { mode: 0o600 });
  writeFileSync(join(place.logs, "open.log"), "for all\n", { mode: 0o644 });
  await agent.logged(({ event, path }) => event === "file_unreadable" && path === secret);
  await sink.until(() => sink.texts().includes("for all"));
  assert.deepEqual([...new Set(ofThreads(agent.pid, "CapEff"))], ["0000000000000000"]);
  assert.deepEqual(sink.texts(), ["for all"]);
});

test("the first file that only root may read makes the agent start anew with the right to read it", {
  skip,
}, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  for (const directory of [place.root, place.logs]) chmodSync(directory, 0o755);
  const agent = await startedAgent(t, { place, port: sink.port });
  assert.deepEqual([...new Set(ofThreads(agent.pid, "CapEff"))], ["0000000000000000"]);
  writeFileSync(join(place.logs, "secret.log"), "for root alone\n", { mode: 0o600 });
  await sink.until(() => sink.texts().includes("for root alone"));
  assert.deepEqual(sink.texts(), ["for root alone"]);
  assert.deepEqual([...new Set(ofThreads(agent.pid, "CapEff"))], ["0000000000000004"]);
  assert.equal(await agent.stop(), 0);
});

test("switched off, nothing is given away, and the agent does its work", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_CONFINEMENT: "off" } });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  assert.ok(ofThreads(agent.pid, "Uid").every((uids) => uids.split("\t").includes("0")));
  assert.deepEqual([...new Set(ofThreads(agent.pid, "NoNewPrivs"))], ["0"]);
  assert.equal(await agent.stop(), 0);
});

test("a state directory behind a link is the same one after SIGHUP", { skip }, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  mkdirSync(join(place.root, "real"));
  symlinkSync("real", join(place.root, "link"));
  const env = { LOGDNA_DB_PATH: join(place.root, "link", "state") };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const { pid } = agent;
  agent.child.kill("SIGHUP");
  await agent.logged(({ event }) => event === "config_reloaded" || event === "restart_needed");
  assert.equal(
    agent.log().find(({ event }) => event === "restart_needed"),
    undefined,
  );
  assert.equal(agent.pid, pid);
  assert.equal(await agent.stop(), 0);
});

for (const [what, bounding, cap] of [
  ["as containers do by default", "-dac_read_search", "0000000000000002"],
  ["and no other way to read", "-dac_read_search,-dac_override", "0000000000000000"],
] as const) {
  test(`root without CAP_DAC_READ_SEARCH, ${what}, still reads root's logs`, { skip }, async (t) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const log = join(place.logs, "secret.log");
    writeFileSync(log, "", { mode: 0o600 });
    const wrapper = ["setpriv", `--bounding-set=${bounding}`, "--"];
    const agent = await startedAgent(t, { place, port: sink.port, wrapper });
    appendFileSync(log, "for root alone\n");
    await sink.until(() => sink.texts().includes("for root alone"));
    assert.deepEqual([...new Set(ofThreads(agent.pid, "CapEff"))], [cap]);
    const { capability } = await agent.logged(({ event }) => event === "confined");
    assert.equal(capability, cap.endsWith("2") ? "CAP_DAC_OVERRIDE" : "none");
    assert.deepEqual([...new Set(ofThreads(agent.pid, "NoNewPrivs"))], ["1"]);
    assert.equal(await agent.stop(), 0);
    const again = await startedAgent(t, { place, port: sink.port, wrapper });
    appendFileSync(log, "after a restart\n");
    await sink.until(() => sink.texts().includes("after a restart"));
    assert.equal(await again.stop(), 0);
  });
}
