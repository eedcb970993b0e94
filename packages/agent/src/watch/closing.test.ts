import assert from "node:assert/strict";
import { readdirSync, readlinkSync, rmSync } from "node:fs";
import { test } from "node:test";
import { makeGround, moduleUrl, Recorder, runProgram, tells, until, watch } from "./recorder.ts";
import { createWatcher } from "./watcher.ts";

/** What this process's descriptors are. */
function descriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

for (const backend of ["inotify", "fs-watch"] as const) {
  test(`${backend}: after close nothing is told and no descriptor is left, also when closed twice`, async (t) => {
    const ground = makeGround(t);
    ground.write("a/b");
    const { watcher, told } = await watch(ground, { backend });
    await Promise.all([watcher.close(), watcher.close()]);
    const calls = told.calls.length;
    ground.write("a/c");
    const other = await watch(ground, { backend });
    ground.write("a/d");
    await tells(other.told, ground.path, "a/b", "a/c", "a/d");
    assert.equal(told.calls.length, calls);
    await other.watcher.close();
    const left = descriptors().filter(
      (one) => one.startsWith(ground.path) || /mountinfo|^anon_inode:inotify/.test(one),
    );
    // libuv keeps its own inotify instance for the life of its loop.
    assert.deepEqual(left, backend === "inotify" ? [] : ["anon_inode:inotify"]);
  });

  test(`${backend}: a watcher is closed at any moment: while it starts, scans and tells`, async (t) => {
    const ground = makeGround(t);
    for (let n = 0; n < 50; n++) ground.write(`${n}/a`);
    for (let after = 0; after <= 50; after += 5) {
      const told = new Recorder();
      const { promise, resolve } = Promise.withResolvers<void>();
      const watcher = createWatcher({ roots: [ground.path], sink: told, report: () => undefined, backend });
      told.onEntry = () => {
        if (told.names.size === after) resolve();
      };
      if (after === 0) resolve();
      const started = watcher.start();
      await promise;
      await watcher.close();
      told.closed = true;
      await started;
      assert.deepEqual(told.breaches, []);
    }
  });
}

for (const [what, end, status] of [
  ["ends by itself once the watcher is closed", "await watcher.close();", 0],
  ["may exit while a read waits", "process.exit(7);", 7],
  ["ends by an error that nothing catches while a read waits", "setImmediate(() => { throw new Error(); });", 1],
] as const) {
  test(`a process ${what}`, (t) => {
    const ground = makeGround(t);
    ground.write("a/b");
    const program = `
      import { createWatcher } from ${moduleUrl("./watcher.ts")};
      import { Recorder } from ${moduleUrl("./recorder.ts")};
      const roots = [${JSON.stringify(ground.path)}];
      const watcher = createWatcher({ roots, sink: new Recorder(), report: () => {}, backend: "inotify" });
      await watcher.start();
      ${end}
    `;
    assert.equal(runProgram(program).status, status);
  });
}

test("a watcher whose every directory is gone still closes", async (t) => {
  const ground = makeGround(t);
  ground.write("root/a");
  const { watcher, told } = await watch(ground, { roots: [ground.at("root")] });
  rmSync(ground.at("root"), { recursive: true });
  await until(() => told.names.size === 0);
  await watcher.close();
});

test("a watcher starts once", async (t) => {
  const { watcher } = await watch(makeGround(t));
  await assert.rejects(watcher.start(), /started before/);
});
