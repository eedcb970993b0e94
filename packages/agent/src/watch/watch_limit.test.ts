import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import { limitReport } from "./limits.ts";
import { WatchError } from "./notifier.ts";
import { agreesWithDisk, type Ground, makeGround, moduleUrl, runProgram, tells, until, watch } from "./recorder.ts";

/** Watches that the directories from `/` to the ground take. */
function onTheWay(ground: Ground): number {
  return ground.path.split("/").length - 1;
}

for (const backend of ["inotify", "fs-watch"] as const) {
  test(`${backend}: directories beyond the limit are carried by sweeps, and watched when there is room`, async (t) => {
    const ground = makeGround(t);
    for (const name of ["a/1", "b/1", "c/1", "c/deep/1", "d/1"]) ground.write(name);
    const maxWatches = onTheWay(ground) + 3;
    const { told, watcher } = await watch(ground, { backend, maxWatches });
    assert.equal(told.reported("watch_limit").length, 1);
    assert.equal(watcher.stats().watches, maxWatches);
    assert.equal(watcher.stats().unwatched, 3);
    await agreesWithDisk(told, [ground.path]);
    for (const name of ["a/2", "b/2", "c/2", "c/deep/2", "d/2", "c/new/deep/1"]) ground.write(name);
    rmSync(ground.at("c/1"));
    rmSync(ground.at("d/1"));
    await agreesWithDisk(told, [ground.path]);
    assert.equal(told.reported("watch_limit").length, 1);
    rmSync(ground.at("c/new"), { recursive: true });
    for (const name of ["a", "b", "d"]) rmSync(ground.at(name), { recursive: true });
    await until(() => watcher.stats().unwatched === 0);
    await until(() => told.reported("watch_limit_over").length === 1);
    const { sweeps } = watcher.stats();
    ground.write("c/3");
    await tells(told, ground.path, "c/2", "c/3", "c/deep/1", "c/deep/2");
    assert.equal(watcher.stats().sweeps, sweeps, "told by a sweep, not by an event");
  });
}

test("the limit is over too when the directories beyond it are gone, and reported anew when it is reached anew", async (t) => {
  const ground = makeGround(t);
  ground.mkdir("a");
  const { told } = await watch(ground, { maxWatches: onTheWay(ground) + 2, shortSweepIntervalMs: 100 });
  for (let n = 1; n <= 2; n++) {
    ground.write("b/1");
    await until(() => told.reported("watch_limit").length === n);
    rmSync(ground.at("b"), { recursive: true });
    await until(() => told.reported("watch_limit_over").length === n);
  }
});

test("a root whose way cannot be watched is found by sweeps: not there yet, then there, then gone", async (t) => {
  const ground = makeGround(t);
  const root = ground.at("not/yet/here");
  const { told, watcher } = await watch(ground, { roots: [root], maxWatches: 1 });
  ground.write("not/yet/here/deep/1");
  await tells(told, root, "deep/1");
  rmSync(ground.at("not"), { recursive: true });
  await tells(told, root);
  await watcher.sweepNow();
  assert.equal(told.reported("watch_limit").length, 1);
  assert.equal(told.reported("watch_limit_over").length, 0);
});

test("the report names the setting, its value and what to do", () => {
  const watches = limitReport(new WatchError("watch", "/var/log", "ENOSPC"));
  const current = Number(readFileSync("/proc/sys/fs/inotify/max_user_watches", "latin1"));
  assert.ok(watches.name === "watch_limit");
  assert.deepEqual(
    [watches.setting, watches.current, watches.path],
    ["fs.inotify.max_user_watches", current, "/var/log"],
  );
  assert.match(watches.message, /sysctl -w fs\.inotify\.max_user_watches=\d+/);
  const instances = limitReport(new WatchError("watch", "/var/log", "EMFILE"));
  assert.ok(instances.name === "watch_limit" && instances.setting === "fs.inotify.max_user_instances");
});

/** A user namespace has limits of its own (user_namespaces(7)), so the machine's need not be touched. */
const LIMITED = ["unshare", "--user", "--map-root-user", "sh", "-c"];
const refused = runProgram("", [...LIMITED, 'echo 9 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]);

for (const [limit, setting] of [
  ["max_inotify_watches", "fs.inotify.max_user_watches"],
  ["max_inotify_instances", "fs.inotify.max_user_instances"],
] as const) {
  test(`the kernel's own limit, ${limit}: reported once, and every name is told`, {
    skip: refused.status === 0 ? false : "needs the program unshare and a kernel that allows user namespaces",
  }, (t) => {
    const ground = makeGround(t);
    for (let n = 0; n < 30; n++) ground.write(`d${n}/a`);
    const value = limit === "max_inotify_watches" ? onTheWay(ground) + 10 : 0;
    const program = `
      import { writeFileSync } from "node:fs";
      import { createWatcher } from ${moduleUrl("./watcher.ts")};
      import { agreesWithDisk, Recorder } from ${moduleUrl("./recorder.ts")};
      const roots = [${JSON.stringify(ground.path)}];
      const told = new Recorder();
      const watcher = createWatcher({ roots, sink: told, report: (event) => told.reports.push(event), shortSweepIntervalMs: 5 });
      await watcher.start();
      for (let n = 0; n < 30; n++) writeFileSync(roots[0] + "/d" + n + "/b", "");
      await agreesWithDisk(told, roots);
      const [{ setting }, ...more] = told.reported("watch_limit");
      process.stdout.write(JSON.stringify({ setting, more, names: told.names.size }));
      await watcher.close();
    `;
    const { output } = runProgram(program, [...LIMITED, `echo ${value} > /proc/sys/user/${limit} && exec "$@"`, "sh"]);
    assert.deepEqual(JSON.parse(output), { setting, more: [], names: 60 });
  });
}
