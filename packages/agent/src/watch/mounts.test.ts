import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { mountAt, mountsRefused, TMPFS } from "./mounting.ts";
import { agreesWithDisk, type Ground, makeGround, tells, until, watch } from "./recorder.ts";

const skip = mountsRefused();

/** Mounts, until the end of the test or until the unmounting that is returned. */
function mount(ground: Ground, name: string, ...args: readonly string[]): () => Promise<void> {
  const unmount = mountAt(ground.at(name), ...args);
  ground.cleanUp(unmount);
  return unmount;
}

for (const backend of ["inotify", "fs-watch"] as const) {
  test(`${backend}: a mount in a tree hides what was there, its files are told, and after the unmount what was there`, {
    skip,
  }, async (t) => {
    const ground = makeGround(t);
    ground.write("logs/mount/before");
    ground.write("logs/mount/deep/before");
    ground.write("logs/other");
    const { told, watcher } = await watch(ground, { backend });
    const logs = ground.at("logs");
    for (let n = 0; n < 2; n++) {
      const unmount = mount(ground, "logs/mount", ...TMPFS);
      ground.write("logs/mount/within");
      ground.write("logs/mount/deep/within");
      await tells(told, logs, "mount/within", "mount/deep/within", "other");
      ground.write("logs/mount/later");
      ground.write("logs/mount/new/later");
      await tells(told, logs, "mount/within", "mount/deep/within", "mount/later", "mount/new/later", "other");
      await unmount();
      await tells(told, logs, "mount/before", "mount/deep/before", "other");
    }
    ground.write("logs/mount/after");
    await tells(told, logs, "mount/before", "mount/deep/before", "mount/after", "other");
    assert.equal(watcher.stats().sweeps, 0);
    assert.deepEqual(told.reported("unreadable_directory"), []);
  });

  for (const where of ["parent/root", "parent"]) {
    test(`${backend}: a mount over ${where}, where parent/root is a root`, { skip }, async (t) => {
      const ground = makeGround(t);
      ground.write("parent/root/before");
      const root = ground.at("parent/root");
      const { told } = await watch(ground, { roots: [root], backend });
      const unmount = mount(ground, where, ...TMPFS);
      await tells(told, root);
      ground.write("parent/root/within");
      await tells(told, root, "within");
      ground.write("parent/root/deep/within");
      await tells(told, root, "within", "deep/within");
      await unmount();
      await tells(told, root, "before");
      ground.write("parent/root/after");
      await tells(told, root, "before", "after");
    });
  }

  test(`${backend}: a root that exists in a mount alone comes and goes with it`, { skip }, async (t) => {
    const ground = makeGround(t);
    ground.mkdir("disk");
    const root = ground.at("disk/var/log");
    const { told } = await watch(ground, { roots: [root], backend });
    const unmount = mount(ground, "disk", ...TMPFS);
    ground.write("disk/var/log/a");
    await tells(told, root, "a");
    await unmount();
    await tells(told, root);
    await until(() => told.reported("root_missing").length === 2);
  });

  test(`${backend}: a directory that is bound to a second place is told in both, until it is unbound`, {
    skip,
  }, async (t) => {
    const ground = makeGround(t);
    ground.write("logs/one/a");
    ground.mkdir("logs/two");
    const { told } = await watch(ground, { backend });
    const logs = ground.at("logs");
    const unmount = mount(ground, "logs/two", "--bind", ground.at("logs/one"));
    await tells(told, logs, "one/a", "two/a");
    ground.write("logs/one/b");
    ground.write("logs/two/deep/c");
    await tells(told, logs, "one/a", "two/a", "one/b", "two/b", "one/deep/c", "two/deep/c");
    rmSync(ground.at("logs/two/a"));
    await tells(told, logs, "one/b", "two/b", "one/deep/c", "two/deep/c");
    await unmount();
    await tells(told, logs, "one/b", "one/deep/c");
    ground.write("logs/one/deep/d");
    ground.write("logs/two/e");
    await tells(told, logs, "one/b", "one/deep/c", "one/deep/d", "two/e");
  });
}

test("a tree that is bound into itself ends where the kernel ends it", { skip }, async (t) => {
  const ground = makeGround(t);
  ground.write("logs/a");
  ground.mkdir("logs/again");
  const { told } = await watch(ground, { roots: [ground.at("logs")] });
  mount(ground, "logs/again", "--bind", ground.at("logs"));
  await tells(told, ground.at("logs"), "a", "again/a");
  ground.write("logs/b/c");
  await agreesWithDisk(told, [ground.at("logs")]);
});

test("mounts elsewhere disturb nothing", { skip }, async (t) => {
  const ground = makeGround(t);
  ground.write("logs/a");
  ground.mkdir("logs2");
  const { told, watcher } = await watch(ground, { roots: [ground.at("logs")], mountPollMs: 1 });
  await mount(ground, "logs2", ...TMPFS)();
  ground.write("logs/mount/before");
  await tells(told, ground.at("logs"), "a", "mount/before");
  mount(ground, "logs/mount", ...TMPFS);
  await until(() => told.reported("mounts_changed").length > 0);
  assert.deepEqual(told.reported("mounts_changed"), [{ name: "mounts_changed", paths: [ground.at("logs/mount")] }]);
  assert.equal(told.count(`scan ${ground.at("logs/a")}`), 1);
  assert.equal(watcher.stats().sweeps, 0);
});

test("a mount point with blanks, a newline and a backslash in its name", { skip }, async (t) => {
  const ground = makeGround(t);
  const name = "logs/a b\tc\nd\\040é#";
  ground.write(`${name}/before`);
  const { told } = await watch(ground);
  const unmount = mount(ground, name, ...TMPFS);
  writeFileSync(ground.at(`${name}/within`), "");
  await tells(told, ground.at(name), "within");
  await unmount();
  await tells(told, ground.at(name), "before");
});
