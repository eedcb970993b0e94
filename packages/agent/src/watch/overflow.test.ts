import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { test } from "node:test";
import { agreesWithDisk, type Ground, makeGround, tells, until, watch } from "./recorder.ts";

/** Makes more events than the kernel queues: while this runs, nothing reads, and equal events that follow are one. */
function overflowQueue(ground: Ground): void {
  const queued = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "latin1"));
  const one = openSync(ground.at("one"), "a");
  const two = openSync(ground.at("two"), "a");
  // A read that waits takes at most a buffer of 64 KiB, of 32 bytes each.
  for (let n = 0; n < queued + 2048; n++) writeSync(n % 2 === 0 ? one : two, "x");
  closeSync(one);
  closeSync(two);
}

function makeWatchedGround(t: Parameters<typeof makeGround>[0]): Ground {
  const ground = makeGround(t);
  ground.write("one");
  ground.write("two");
  return ground;
}

test("after an overflow every name is known: those that came, went and moved while nothing was told", async (t) => {
  const ground = makeWatchedGround(t);
  for (const name of ["kept/a", "gone/a", "removed/deep/a", "moved/deep/a"]) ground.write(name);
  const { told, watcher } = await watch(ground);
  overflowQueue(ground);
  ground.write("new/deep/a");
  ground.write("kept/b");
  rmSync(ground.at("gone/a"));
  rmSync(ground.at("removed"), { recursive: true });
  renameSync(ground.at("moved"), ground.at("elsewhere"));
  await until(() => told.count("overflow") > 0);
  await agreesWithDisk(told, [ground.path]);
  const { overflows } = watcher.stats();
  assert.equal(told.count("overflow"), overflows);
  assert.equal(told.reported("overflow").length, overflows);
});

test("after an overflow a directory that was made anew is watched, also under the same inode number", async (t) => {
  const ground = makeWatchedGround(t);
  ground.mkdir("root/anew");
  const roots = [ground.at("one"), ground.at("two"), ground.at("root")];
  const { told, watcher } = await watch(ground, { roots });
  const { ino } = statSync(ground.at("root/anew"));
  overflowQueue(ground);
  rmSync(ground.at("root/anew"), { recursive: true });
  t.diagnostic(makeWithInode(ground, "root/anew", ino) ? "the same inode number" : "another inode number");
  await until(() => told.count("overflow") > 0);
  await watcher.sweepNow();
  const { sweeps } = watcher.stats();
  ground.write("root/anew/a");
  await tells(told, ground.at("root"), "anew/a");
  assert.equal(watcher.stats().sweeps, sweeps, "told by a sweep, not by an event");
});

/** Makes a directory, with this inode number if the file system gives it again: ext4 does, once the lower free ones are taken. */
function makeWithInode(ground: Ground, name: string, ino: number): boolean {
  for (let n = 0; n < 500; n++) {
    ground.mkdir(`root/candidate${n}`);
    if (statSync(ground.at(`root/candidate${n}`)).ino !== ino) continue;
    renameSync(ground.at(`root/candidate${n}`), ground.at(name));
    return true;
  }
  ground.mkdir(name);
  return false;
}

test("a root that came, and one that went, during an overflow", async (t) => {
  const ground = makeWatchedGround(t);
  ground.write("parent/went/a");
  const roots = [ground.at("one"), ground.at("two"), ground.at("parent/went"), ground.at("other/came")];
  const { told } = await watch(ground, { roots });
  overflowQueue(ground);
  rmSync(ground.at("parent"), { recursive: true });
  ground.write("other/came/a");
  await until(() => told.count("overflow") > 0);
  await agreesWithDisk(told, roots);
  ground.write("other/came/b");
  await tells(told, ground.at("other/came"), "a", "b");
});

test("overflow after overflow: the names are right in the end", async (t) => {
  const ground = makeWatchedGround(t);
  const { told } = await watch(ground);
  for (let n = 0; n < 4; n++) {
    overflowQueue(ground);
    ground.write(`deep${n}/a`);
    rmSync(ground.at(`deep${n - 1}`), { recursive: true, force: true });
    await until(() => told.count("overflow") > n);
  }
  await agreesWithDisk(told, [ground.path]);
});
