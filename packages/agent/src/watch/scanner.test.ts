import assert from "node:assert/strict";
import { linkSync, renameSync, rmSync } from "node:fs";
import { test } from "node:test";
import { agreesWithDisk, makeGround, moduleUrl, runProgram, until, watch } from "./recorder.ts";

test("20,000 files in 1,000 directories: all are found, one watch each; moved, they lose nothing; removed, nothing stays", async (t) => {
  const ground = makeGround(t);
  // Links to one file are names like any other, and made ten times as fast.
  ground.write("outside/file");
  for (let directory = 0; directory < 998; directory++) {
    ground.mkdir(`logs/a/${directory}`);
    for (let file = 0; file < 20; file++) linkSync(ground.at("outside/file"), ground.at(`logs/a/${directory}/${file}`));
  }
  for (let file = 0; file < 40; file++) ground.write(`logs/${file}`);
  const logs = ground.at("logs");
  const { told, watcher } = await watch(ground, { roots: [logs] });
  assert.equal(told.names.size, 20_000);
  const onTheWay = ground.path.split("/").length;
  assert.deepEqual([watcher.stats().directories, watcher.stats().watches], [1000, 1000 + onTheWay]);
  renameSync(ground.at("logs/a"), ground.at("logs/b"));
  for (let directory = 0; directory < 998; directory++) ground.write(`logs/b/${directory}/new`);
  await until(() => told.names.has(ground.at("logs/b/997/new")));
  await agreesWithDisk(told, [logs]);
  assert.equal(told.count(`directoryRenamed ${ground.at("logs/a")} ${ground.at("logs/b")}`), 1);
  assert.ok(!told.calls.some((call) => call.startsWith("removed")));
  renameSync(ground.at("logs/b"), ground.at("outside/b"));
  await until(() => told.names.size === 40);
  await until(() => watcher.stats().watches === 1 + onTheWay);
  renameSync(ground.at("outside/b"), ground.at("logs/c"));
  await until(() => told.names.size === 40 + 998 * 21);
  rmSync(ground.at("logs/c"), { recursive: true });
  await until(() => told.names.size === 40);
  assert.deepEqual([watcher.stats().directories, watcher.stats().watches], [1, 1 + onTheWay]);
});

test("a directory that is removed while it is listed is gone, not unreadable", async (t) => {
  const ground = makeGround(t);
  ground.mkdir("root");
  const { told } = await watch(ground, { roots: [ground.at("root")] });
  for (let n = 0; n < 2; n++) {
    const directory = ground.at(`root/${n}`);
    ground.write(`outside/${n}/file`);
    for (let file = 0; file < 1500; file++) linkSync(ground.at(`outside/${n}/file`), ground.at(`outside/${n}/${file}`));
    told.onEntry = (path) => {
      if (!path.startsWith(`${directory}/`)) return;
      told.onEntry = () => undefined;
      rmSync(directory, { recursive: true });
      if (n % 2 === 0) ground.write(`root/${n}/anew`);
    };
    renameSync(ground.at(`outside/${n}`), directory);
    await until(() => told.calls.includes(`directoryRemoved ${directory}`));
    await agreesWithDisk(told, [ground.at("root")]);
  }
  assert.deepEqual(told.reported("unreadable_directory"), []);
});

test("an unreadable directory is reported once, and read as soon as it may be", {
  skip: process.geteuid?.() === 0 ? false : "needs root, to become another user",
}, (t) => {
  const ground = makeGround(t);
  for (const name of ["logs/a", "logs/closed/b", "logs/closed/deep/c", "logs/later/d"]) ground.write(name);
  // Loaded first: as another user, the process may not read its own sources.
  const program = `
    import { chmodSync } from "node:fs";
    import { createWatcher } from ${moduleUrl("./watcher.ts")};
    import { Recorder, tells, until } from ${moduleUrl("./recorder.ts")};
    const root = ${JSON.stringify(ground.at("logs"))};
    chmodSync(root + "/closed", 0);
    for (const name of ["/..", "", "/closed", "/later"]) process.getuid() === 0 && (await import("node:fs")).chownSync(root + name, 65534, 65534);
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
    const told = new Recorder();
    const watcher = createWatcher({ roots: [root], sink: told, report: (event) => told.reports.push(event), shortSweepIntervalMs: 5 });
    await watcher.start();
    await tells(told, root, "a", "later/d");
    await watcher.sweepNow();
    chmodSync(root + "/later", 0);
    await watcher.sweepNow();
    await watcher.sweepNow();
    const reported = told.reported("unreadable_directory").map(({ path, code }) => [path.slice(root.length), code]);
    const { sweeps } = watcher.stats();
    chmodSync(root + "/closed", 0o755);
    chmodSync(root + "/later", 0o755);
    await tells(told, root, "a", "later/d", "closed/b", "closed/deep/c");
    process.stdout.write(JSON.stringify({ reported, swept: watcher.stats().sweeps - sweeps }));
    await watcher.close();
  `;
  const { output } = runProgram(program);
  assert.deepEqual(JSON.parse(output), {
    reported: [
      ["/closed", "EACCES"],
      ["/later", "EACCES"],
    ],
    swept: 0,
  });
});
