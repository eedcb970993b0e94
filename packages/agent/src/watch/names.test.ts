import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { makeGround, tells, until, watch } from "./recorder.ts";

const ODD = [
  "new\nline",
  "quo\"te's",
  "back\\slash",
  " blank ",
  "\x01\x7f",
  "é日本🚀",
  "e\u0301",
  "x".repeat(255),
  "é".repeat(127),
  "-rf",
  "%2e",
];

for (const backend of ["inotify", "fs-watch"] as const) {
  test(`${backend}: odd names are told as they are, of files and directories, found and new`, async (t) => {
    const ground = makeGround(t);
    for (const name of ODD) ground.write(`found/${name}/${name}`);
    const { told } = await watch(ground, { backend });
    for (const name of ODD) ground.write(`new/${name}/${name}`);
    const names = ODD.map((name) => `${name}/${name}`);
    await tells(told, ground.at("found"), ...names);
    await tells(told, ground.at("new"), ...names);
    for (const name of ODD) unlinkSync(ground.at(`found/${name}/${name}`));
    renameSync(ground.at("new"), ground.at(ODD[0] ?? ""));
    await tells(told, ground.path, ...names.map((name) => `${ODD[0]}/${name}`));
  });

  test(`${backend}: a name that is not UTF-8 is reported once for its directory and skipped, until it is renamed`, async (t) => {
    const ground = makeGround(t);
    const raw = (name: string): Buffer => Buffer.concat([Buffer.from(`${ground.path}/`), Buffer.from(name, "latin1")]);
    ground.write("a");
    writeFileSync(raw("\xff1"), "");
    mkdirSync(raw("\xffdirectory"));
    writeFileSync(raw("\xffdirectory/within"), "");
    const { told, watcher } = await watch(ground, { backend });
    writeFileSync(raw("\xff2"), "");
    writeFileSync(raw("b\xe9"), "");
    ground.write("c");
    await tells(told, ground.path, "a", "c");
    renameSync(raw("\xff1"), ground.at("represented"));
    renameSync(ground.at("c"), raw("\xff3"));
    renameSync(raw("\xffdirectory"), ground.at("directory"));
    await tells(told, ground.path, "a", "directory/within", "represented");
    renameSync(ground.at("directory"), raw("\xffagain"));
    unlinkSync(raw("\xff2"));
    await tells(told, ground.path, "a", "represented");
    await watcher.sweepNow();
    assert.deepEqual(told.reported("unrepresentable_name"), [{ name: "unrepresentable_name", directory: ground.path }]);
  });
}

test("what is neither file nor directory is told by its name and not followed: links, FIFOs, devices", async (t) => {
  const ground = makeGround(t);
  ground.write("logs/real/a");
  ground.write("outside/secret");
  symlinkSync("real", ground.at("logs/link"));
  const { told } = await watch(ground, { roots: [ground.at("logs")] });
  symlinkSync("../outside", ground.at("logs/later"));
  symlinkSync("nowhere", ground.at("logs/dangling"));
  execFileSync("/usr/bin/mkfifo", [ground.at("logs/fifo")]);
  await tells(told, ground.path, "logs/real/a", "logs/link", "logs/later", "logs/dangling", "logs/fifo");
  unlinkSync(ground.at("logs/link"));
  ground.write("logs/link/a");
  await tells(told, ground.path, "logs/real/a", "logs/link/a", "logs/later", "logs/dangling", "logs/fifo");
});

test("why a name is told: found, created, changed, other permissions", async (t) => {
  const ground = makeGround(t);
  ground.write("found");
  const { told } = await watch(ground);
  assert.deepEqual(told.calls, [`scan ${ground.at("found")}`]);
  writeFileSync(ground.at("new"), "");
  await until(() => told.calls.includes(`created ${ground.at("new")}`));
  ground.write("found", "more");
  await until(() => told.calls.includes(`changed ${ground.at("found")}`));
  chmodSync(ground.at("found"), 0o600);
  await until(() => told.calls.includes(`attributes ${ground.at("found")}`));
  renameSync(ground.at("new"), ground.at("found"));
  await until(() => told.calls.includes(`renamed ${ground.at("new")} ${ground.at("found")}`));
  unlinkSync(ground.at("found"));
  await until(() => told.calls.at(-1) === `removed ${ground.at("found")}`);
});
