import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { test } from "node:test";
import { makeGround, tells, watch } from "./recorder.ts";

test("changes are told without a sweep, also in a directory that was made anew under its name", async (t) => {
  const ground = makeGround(t);
  ground.write("anew/a");
  ground.write("other/b");
  const { told, watcher } = await watch(ground, { backend: "fs-watch" });
  assert.equal(watcher.backend, "fs-watch");
  rmSync(ground.at("anew"), { recursive: true });
  mkdirSync(ground.at("anew"));
  await tells(told, ground.path, "other/b");
  ground.write("anew/c");
  await tells(told, ground.path, "anew/c", "other/b");
  rmSync(ground.at("anew"), { recursive: true });
  renameSync(ground.at("other"), ground.at("anew"));
  await tells(told, ground.path, "anew/b");
  ground.write("anew/d/e");
  await tells(told, ground.path, "anew/b", "anew/d/e");
  assert.equal(watcher.stats().sweeps, 0);
});
