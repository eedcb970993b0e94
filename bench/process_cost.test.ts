import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { eventually } from "../packages/agent/test/eventually.ts";
import { memoryKinds, parseSmaps } from "./memory_kinds.ts";
import { cpuSeconds, descriptors, memoryOf, parseRollup, threadSeconds, wakeUps } from "./process_cost.ts";

const ROLLUP = `55d0c0a00000-7ffd4d5f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               54321 kB
Pss:               20000 kB
Shared_Clean:      40000 kB
Private_Clean:       300 kB
Private_Dirty:     14021 kB
Referenced:        54000 kB
`;
const SMAPS = `00400000-00500000 r-xp 00000000 fe:00 1 /usr/bin/node
Rss:                 900 kB
Private_Clean:       100 kB
Private_Dirty:         0 kB
00600000-00700000 rw-p 00000000 00:00 0                                  [heap]
Rss:                 200 kB
Private_Clean:         0 kB
Private_Dirty:       200 kB
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
Rss:                  30 kB
Private_Clean:         0 kB
Private_Dirty:        30 kB
7f0000200000-7f0000300000 rwxp 00000000 00:00 0
Rss:                   4 kB
Private_Clean:         0 kB
Private_Dirty:         4 kB
`;

test("the summary of a process's memory is read in bytes, clean and dirty private pages together", () => {
  assert.deepEqual(parseRollup(ROLLUP), { rss: 54_321 * 1024, private: 14_321 * 1024 });
  assert.deepEqual(parseRollup(""), { rss: 0, private: 0 });
});

test("the memory of a process is told by its kinds", () => {
  const KiB = 1024;
  assert.deepEqual(parseSmaps(SMAPS), {
    ...{ sharedFiles: 800 * KiB, ownFiles: 100 * KiB, mallocHeap: 200 * KiB },
    ...{ compiledCode: 4 * KiB, anonymous: 30 * KiB },
  });
});

test("the kinds of a process's memory add up to its private memory", () => {
  const { private: all } = memoryOf(process.pid);
  const { sharedFiles: _, ...own } = memoryKinds(process.pid);
  const sum = Object.values(own).reduce((one, other) => one + other, 0);
  assert.ok(Math.abs(sum - all) < all / 5, `${sum} of ${all}`);
});

test("the cost of a process is that of its children as well, also of those that have ended", async (t) => {
  const burn = "while (process.cpuUsage().user < 350_000);";
  const script = `
    const { spawn, spawnSync } = require("node:child_process");
    spawnSync(process.execPath, ["-e", ${JSON.stringify(burn)}]);
    console.log("one has ended");
    spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"]).on("spawn", () => console.log("one lives"));
    setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  t.after(() => process.kill(-(child.pid ?? 0), "SIGKILL"));
  const pid = child.pid ?? 0;
  await once(child.stdout, "data");
  assert.ok(cpuSeconds(pid) >= 0.3, "what has ended counts");
  await eventually(() => memoryOf(pid).rss > 70e6, "the memory of both");
  assert.ok(descriptors(pid) > 6);
  assert.ok(threadSeconds(pid) > 0);
  assert.ok(wakeUps(pid) > 0);
});

test("a process that has ended costs nothing more, and is no error", () => {
  assert.equal(cpuSeconds(2 ** 22), 0);
  assert.deepEqual(memoryOf(2 ** 22), { rss: 0, private: 0 });
});
