import assert from "node:assert/strict";
import { renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { agreesWithDisk, makeGround, tells, until, watch } from "./recorder.ts";

for (const backend of ["inotify", "fs-watch"] as const) {
  test(`${backend}: a root that is several levels away from existing appears, goes and comes back`, async (t) => {
    const ground = makeGround(t);
    const root = ground.at("not/yet/here");
    const { told, watcher } = await watch(ground, { roots: [root], backend });
    assert.deepEqual(told.reported("root_missing"), [{ name: "root_missing", root }]);
    ground.mkdir("not/other");
    for (let n = 1; n <= 3; n++) {
      ground.write("not/yet/here/deep/a");
      ground.write("not/yet/other");
      await tells(told, root, "deep/a");
      ground.write("not/yet/here/deep/b");
      await tells(told, root, "deep/a", "deep/b");
      assert.equal(told.reported("root_appeared").length, n);
      rmSync(ground.at("not"), { recursive: true });
      await tells(told, root);
      await until(() => told.reported("root_missing").length === n + 1);
    }
    assert.deepEqual([...told.names], []);
    assert.equal(watcher.stats().sweeps, 0);
  });

  test(`${backend}: a root's parent is moved away, and another is moved into its place`, async (t) => {
    const ground = makeGround(t);
    ground.write("parent/root/old");
    ground.write("other/root/new");
    const root = ground.at("parent/root");
    const { told } = await watch(ground, { roots: [root], backend });
    await tells(told, root, "old");
    renameSync(ground.at("parent"), ground.at("away"));
    await tells(told, root);
    renameSync(ground.at("other"), ground.at("parent"));
    await tells(told, root, "new");
    ground.write("away/root/unseen");
    ground.write("parent/root/seen");
    await tells(told, root, "new", "seen");
  });

  test(`${backend}: of a root that is a file its name alone is told`, async (t) => {
    const ground = makeGround(t);
    ground.write("logs/other");
    ground.write("logs/one.log");
    const root = ground.at("logs/one.log");
    const { told } = await watch(ground, { roots: [root], backend });
    assert.deepEqual([...told.names], [root]);
    ground.write("logs/one.log", "more");
    await until(() => told.count(`changed ${root}`) > 0);
    renameSync(root, ground.at("logs/one.log.1"));
    await until(() => told.names.size === 0);
    ground.write("logs/one.log");
    await until(() => told.names.has(root));
    rmSync(ground.at("logs"), { recursive: true });
    await until(() => told.names.size === 0);
    ground.write("logs/one.log");
    await until(() => told.names.has(root));
    assert.ok(told.calls.every((call) => call.includes(root)));
  });

  test(`${backend}: a root is a file, then a directory, then a file`, async (t) => {
    const ground = makeGround(t);
    const root = ground.at("root");
    ground.write("root");
    const { told } = await watch(ground, { roots: [root], backend });
    for (let n = 0; n < 3; n++) {
      unlinkSync(root);
      ground.write("root/a");
      await agreesWithDisk(told, [root]);
      ground.write("root/b");
      await agreesWithDisk(told, [root]);
      rmSync(root, { recursive: true });
      ground.write("root");
      await agreesWithDisk(told, [root]);
    }
  });
}

test("a root given through a link is told under its real path, and watched there", async (t) => {
  const ground = makeGround(t);
  ground.write("real/a");
  symlinkSync("real", ground.at("link"));
  const { told } = await watch(ground, { roots: [ground.at("link")] });
  const path = ground.at("real");
  assert.deepEqual(told.reported("root_resolved"), [{ name: "root_resolved", given: ground.at("link"), path }]);
  ground.write("real/b");
  await tells(told, path, "a", "b");
  assert.equal(told.names.size, 2);
});

test("a root below a link that does not exist yet is told under its real path", async (t) => {
  const ground = makeGround(t);
  ground.mkdir("real");
  symlinkSync("real", ground.at("link"));
  const { told } = await watch(ground, { roots: [ground.at("link/later/deep/")] });
  ground.write("real/later/deep/a");
  await tells(told, ground.at("real/later/deep"), "a");
});

test("a root that appears as a link to a directory is reported and not followed; a directory in its place is", async (t) => {
  const ground = makeGround(t);
  ground.write("elsewhere/secret");
  const root = ground.at("root");
  const { told, watcher } = await watch(ground, { roots: [root] });
  symlinkSync("elsewhere", root);
  await until(() => told.reported("root_is_link").length === 1);
  await watcher.sweepNow();
  assert.equal(told.names.size, 0);
  unlinkSync(root);
  ground.write("root/a");
  await tells(told, root, "a");
  assert.equal(told.names.size, 1);
});

test("a directory on the way to a root becomes a link: what is behind it is not told", async (t) => {
  const ground = makeGround(t);
  ground.write("parent/root/a");
  ground.write("elsewhere/root/secret");
  const root = ground.at("parent/root");
  const { told, watcher } = await watch(ground, { roots: [root] });
  rmSync(ground.at("parent"), { recursive: true });
  symlinkSync("elsewhere", ground.at("parent"));
  await until(() => told.reported("root_is_link").length === 1);
  await watcher.sweepNow();
  assert.equal(told.names.size, 0);
});

for (const roots of [
  ["outer", "outer/in/inner"],
  ["outer/in/inner", "outer"],
  ["outer", "outer", "outer/../outer"],
]) {
  test(`nested roots, ${roots.join(" and ")}: names follow what is moved, removed and made anew`, async (t) => {
    const ground = makeGround(t);
    ground.write("outer/in/inner/a");
    const { told } = await watch(ground, { roots: roots.map((root) => `${ground.path}/${root}`) });
    const outer = ground.at("outer");
    await tells(told, outer, "in/inner/a");
    renameSync(ground.at("outer/in"), ground.at("outer/moved"));
    ground.write("outer/in/inner/b");
    await tells(told, outer, "moved/inner/a", "in/inner/b");
    rmSync(ground.at("outer"), { recursive: true });
    await tells(told, outer);
    ground.write("outer/in/inner/c");
    await tells(told, outer, "in/inner/c");
  });
}

test("a pruned directory is not descended into, unless it is a root", async (t) => {
  const ground = makeGround(t);
  for (const name of ["a/pruned/deep/x", "a/kept/x", "a/pruned/root/x"]) ground.write(name);
  const { told, watcher } = await watch(ground, {
    roots: [ground.at("a"), ground.at("a/pruned/root")],
    prune: (directory) => directory.endsWith("/pruned"),
  });
  await tells(told, ground.path, "a/kept/x", "a/pruned/root/x");
  for (const name of ["a/pruned/y", "a/new/pruned/y", "a/kept/y", "a/pruned/root/y"]) ground.write(name);
  await tells(told, ground.path, "a/kept/x", "a/kept/y", "a/pruned/root/x", "a/pruned/root/y");
  renameSync(ground.at("a/kept"), ground.at("a/new/kept"));
  await tells(told, ground.path, "a/new/kept/x", "a/new/kept/y", "a/pruned/root/x", "a/pruned/root/y");
  renameSync(ground.at("a/new/kept"), ground.at("a/new/pruned/kept"));
  await tells(told, ground.path, "a/pruned/root/x", "a/pruned/root/y");
  renameSync(ground.at("a/new/pruned"), ground.at("a/new/told"));
  await tells(
    told,
    ground.path,
    "a/new/told/kept/x",
    "a/new/told/kept/y",
    "a/new/told/y",
    "a/pruned/root/x",
    "a/pruned/root/y",
  );
  rmSync(ground.at("a/pruned/root"), { recursive: true });
  ground.write("a/pruned/root/z");
  await watcher.sweepNow();
  await tells(told, ground.path, "a/new/told/kept/x", "a/new/told/kept/y", "a/new/told/y", "a/pruned/root/z");
});

test("the top of the file system may be a root", async (t) => {
  const ground = makeGround(t);
  ground.write("a");
  const kept = (directory: string): boolean =>
    ground.path.startsWith(`${directory}/`) || directory === ground.path || directory.startsWith(`${ground.path}/`);
  const { told } = await watch(ground, { roots: ["/"], prune: (directory) => !kept(directory) });
  await tells(told, ground.path, "a");
  writeFileSync(ground.at("b"), "");
  await tells(told, ground.path, "a", "b");
});
