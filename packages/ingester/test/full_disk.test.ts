import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeDirectory, startServer } from "./server.ts";

/** Mounts a small disk that goes away after the test. @returns undefined where that is not allowed. */
function smallDisk(t: TestContext): string | undefined {
  const directory = makeDirectory();
  if (spawnSync("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", directory]).status !== 0) return undefined;
  t.after(() => void spawnSync("/usr/bin/umount", ["--lazy", directory]));
  return directory;
}

test("a full disk is answered 507, loses nothing that was stored, and is got over once there is space", async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) {
    t.skip("needs mount, and to be root");
    return;
  }
  const server = await startServer(t, { dataDir: join(disk, "data") });
  await server.store("h", [{ line: "before", app: "app" }]);
  const filler = join(disk, "filler");
  assert.throws(() => writeFileSync(filler, Buffer.alloc(64 * 1024 * 1024)), { code: "ENOSPC" });

  const body = { lines: [{ line: "during", app: "app" }] };
  const { status, text } = await server.post(body, { batch: "during" });
  assert.deepEqual([status, JSON.parse(text)], [507, { error: "The server's disk is full." }]);
  assert.deepEqual(await server.texts({ host: "h" }), ["before"]);

  rmSync(filler);
  await server.store("h", body.lines, { batch: "during" });
  assert.deepEqual(await server.texts({ host: "h" }), ["before", "during"]);
  assert.equal(await server.stop(), 0);
});
