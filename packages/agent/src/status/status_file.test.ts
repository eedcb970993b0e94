import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { mountAt, mountsRefused } from "../watch/mounting.ts";
import { readStatus } from "./read_status.ts";
import type { StatusReport } from "./report.ts";
import { StatusFile } from "./status_file.ts";

function temporary(t: TestContext): { directory: string; path: string } {
  const directory = mkdtempSync(join(tmpdir(), "status-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, path: join(directory, "status.json") };
}

function report(lines: number, paths: readonly string[] = []): StatusReport {
  return {
    version: "1",
    pid: 1,
    startedAt: 1,
    writtenAt: 2,
    destination: "https://logs.example.com",
    notReady: undefined,
    lastError: undefined,
    confinement: { layers: [], complete: true },
    requestsInFlight: 0,
    files: { followed: 0, open: 0 },
    backlog: { bytes: 1, files: paths.map((path) => ({ path, unread: 1, size: 2 })) },
    accounting: { read: 0, shipped: 0, excluded: 0, dropped: 0, givenBack: 0, inFlight: 0 },
    linesShipped: lines,
  };
}

test("the file grows with what it holds and no further, also with names that are not ASCII", (t) => {
  const { directory, path } = temporary(t);
  const file = new StatusFile(directory);
  const names = Array.from({ length: 10 }, (_, n) => `/var/log/${"größe-日本".repeat(20)}-${n}.log`);
  file.write(report(1, names));
  const { size } = statSync(path);
  for (let n = 2; n < 200; n += 1) file.write(report(n, names));
  assert.equal(statSync(path).size, size);
  file.write(report(200));
  assert.deepEqual(readStatus(directory).backlog.files, []);
  assert.equal(readStatus(directory).linesShipped, 200);
  assert.equal(statSync(path).size, size);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

for (const [what, plant] of [
  ["a FIFO", (path: string) => execFileSync("mkfifo", [path])],
  ["a link", (path: string) => symlinkSync(`${path}.victim`, path)],
  [
    "a huge file",
    (path: string) => {
      writeFileSync(path, "");
      truncateSync(path, 2 ** 40);
    },
  ],
] as const) {
  test(`${what} in its place holds up neither the agent nor a reader, and gives way`, { timeout: 20_000 }, (t) => {
    const { directory, path } = temporary(t);
    writeFileSync(`${path}.victim`, "victim");
    const file = new StatusFile(directory);
    plant(path);
    assert.throws(() => readStatus(directory));
    file.write(report(1));
    file.write(report(2));
    assert.ok(lstatSync(path).isFile());
    assert.equal(readStatus(directory).linesShipped, 2);
    assert.equal(readFileSync(`${path}.victim`, "utf8"), "victim");
  });
}

test("what is JSON and no status is refused", (t) => {
  const { directory, path } = temporary(t);
  for (const text of ["{}", "[]", "null", '{"pid":"1"}', JSON.stringify({ ...report(1), accounting: {} })]) {
    writeFileSync(path, text);
    assert.throws(() => readStatus(directory), text);
  }
});

test("on a disk that is full the file still tells what is, or holds nothing", { skip: mountsRefused() }, async (t) => {
  const { directory } = temporary(t);
  const unmount = mountAt(directory, "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs");
  const file = new StatusFile(directory);
  file.write(report(1));
  const filler = join(directory, "filler");
  const fill = (): void => {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(4096), { flag: "a" });
    } catch {
      // The disk is full.
    }
  };
  fill();
  // More than the file has room for.
  const names = Array.from({ length: 10 }, (_, n) => `/var/log/${"x".repeat(4000)}-${n}.log`);
  file.write(report(2, names));
  assert.equal(readStatus(directory).linesShipped, 2);
  rmSync(join(directory, "status.json"));
  fill();
  file.write(report(3));
  assert.throws(() => readStatus(directory));
  rmSync(filler);
  file.write(report(4, names));
  assert.equal(readStatus(directory).backlog.files.length, 10);
  await unmount();
});
