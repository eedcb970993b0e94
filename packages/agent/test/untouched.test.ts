import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startAgent, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const STRACE = "/usr/bin/strace";
const LONG_AGO = new Date("2020-02-02T02:02:02Z");

/** System calls that can change a file, its metadata or its name, or take a lock on it (syscalls(2)). */
const CHANGING =
  /^(?:write|writev|pwrite64|pwritev|pwritev2|truncate|ftruncate|fallocate|copy_file_range|sendfile|splice|chmod|fchmod|fchmodat|fchmodat2|chown|fchown|lchown|fchownat|utime|utimes|utimensat|futimesat|setxattr|lsetxattr|fsetxattr|removexattr|lremovexattr|fremovexattr|rename|renameat|renameat2|link|linkat|symlink|symlinkat|unlink|unlinkat|mknod|mknodat|mkdir|mkdirat|rmdir|flock|creat)$/;

test("reading changes nothing of a log: neither content nor times, mode or owner", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const names = ["plain.log", "secret.log", "sub/deep.log"].map((name) => join(place.logs, name));
  mkdirSync(join(place.logs, "sub"));
  for (const [n, name] of names.entries()) {
    writeFileSync(name, `${n}\n`.repeat(1000));
    chmodSync(name, n === 1 ? 0o600 : 0o644);
    // An atime before mtime is what relatime would update at the first read (mount(8)).
    utimesSync(name, LONG_AGO, new Date());
  }
  const before = names.map((name) => statSync(name, { bigint: true }));
  // Mounts are shared under systemd; elsewhere the agent leaves them as they are, and access times to how they are mounted.
  const wrapper = process.geteuid?.() === 0 ? ["unshare", "--mount", "--propagation", "shared", "--"] : [];
  const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start" }, wrapper });
  await sink.until(() => sink.texts().length === 3000);
  for (const [n, name] of names.entries()) {
    const { atimeNs, mtimeNs, ctimeNs, mode, uid, gid, size, nlink } = statSync(name, { bigint: true });
    const was = before[n];
    assert.deepEqual(
      { atimeNs, mtimeNs, ctimeNs, mode, uid, gid, size, nlink },
      {
        atimeNs: was?.atimeNs,
        mtimeNs: was?.mtimeNs,
        ctimeNs: was?.ctimeNs,
        mode: was?.mode,
        uid: was?.uid,
        gid: was?.gid,
        size: was?.size,
        nlink: was?.nlink,
      },
      name,
    );
  }
  assert.equal(await agent.stop(), 0);
});

test("no system call of the agent can change a log, and logs are opened for reading only", {
  skip: existsSync(STRACE) ? false : "needs the program strace",
}, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\n");
  const trace = join(place.root, "trace");
  const agent = startAgent(t, {
    place,
    port: sink.port,
    env: { LOGDNA_LOOKBACK: "start" },
    // -D keeps the agent the child that signals go to, -y names the file behind each descriptor, -e trace leaves out what has neither file nor path.
    wrapper: [STRACE, "-D", "-f", "-qq", "-y", "-e", "trace=%file,%desc", "-o", trace],
  });
  await sink.until(() => sink.texts().includes("one"));
  appendFileSync(log, "two\n");
  await sink.until(() => sink.texts().includes("two"));
  appendFileSync(log, "three\n");
  await sink.until(() => sink.texts().includes("three"));
  agent.child.kill("SIGTERM");
  await agent.ended;
  const calls = readFileSync(trace, "utf8")
    .split("\n")
    .filter((line) => line.includes(place.logs));
  const named = calls.flatMap((line) => /^\d+\s+(\w+)\(/.exec(line)?.slice(1, 2) ?? []);
  assert.ok(named.includes("openat") || named.includes("open"), "the trace shows the logs being opened");
  assert.deepEqual(
    calls.filter((line) => CHANGING.test(/^\d+\s+(\w+)\(/.exec(line)?.[1] ?? "") && !isAboutOther(line, place.logs)),
    [],
  );
  const opened = calls.filter((line) => /\bopen(?:at)?\(/.test(line) && line.includes("a.log"));
  assert.ok(opened.length > 0);
  for (const line of opened) {
    assert.match(line, /O_RDONLY/);
    assert.match(line, /O_NOFOLLOW/);
    assert.match(line, /O_NONBLOCK/);
    assert.match(line, /O_CLOEXEC/);
  }
});

/** A write to the agent's own log or to a socket may mention a log; its first descriptor is what it writes to. */
function isAboutOther(line: string, logs: string): boolean {
  const target = /^\d+\s+\w+\((?:\d+<([^>]*)>|"([^"]*)")/.exec(line);
  const about = target?.[1] ?? target?.[2];
  return about !== undefined && !about.startsWith(logs);
}
