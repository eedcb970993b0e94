import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildPolicy, type PolicyInputs } from "./build_policy.ts";
import type { Policy } from "./policy.ts";

const ROOT = { uid: 0, gid: 0 };
const USER = { uid: 64_000, gid: 64_000 };

interface Place {
  readonly root: string;
  readonly build: (inputs?: Partial<PolicyInputs>) => Policy;
}

function place(t: TestContext): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "policy-")));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  for (const name of ["logs", "program", "state"]) {
    mkdirSync(join(root, name));
    chmodSync(join(root, name), 0o755);
  }
  const build = (inputs: Partial<PolicyInputs> = {}): Policy =>
    buildPolicy({
      program: "logdna-agent",
      stateFlag: "--db-path",
      mode: "required",
      roots: [join(root, "logs")],
      stateDirectory: join(root, "state"),
      programPaths: [join(root, "program")],
      configPaths: [],
      caPaths: [],
      executable: "/bin/sh",
      connectPorts: [443, 443, 8443],
      bindPorts: [9881],
      running: ROOT,
      user: USER,
      ...inputs,
    });
  return { root, build };
}

test("a root becomes the given user, anyone else stays what it is", (t) => {
  const { build } = place(t);
  assert.deepEqual([build().uid, build().gid], [64_000, 64_000]);
  const ordinary = build({ running: { uid: 1000, gid: 1001 } });
  assert.deepEqual([ordinary.uid, ordinary.gid], [1000, 1001]);
});

test("the capability is kept only for what needs it, and not against one's will", (t) => {
  const { root, build } = place(t);
  assert.equal(build().keepCapability, false);
  writeFileSync(join(root, "logs/a.log"), "");
  chmodSync(join(root, "logs/a.log"), 0o600);
  assert.equal(build().keepCapability, true);
  assert.deepEqual(build().capabilityFor, [join(root, "logs/a.log")]);
  assert.equal(build({ noCapability: true }).keepCapability, false);
  assert.equal(build({ isWatched: () => false }).keepCapability, false);
});

test("a program or a state directory out of reach is a reason, too", (t) => {
  const { root, build } = place(t);
  chmodSync(join(root, "program"), 0o700);
  assert.deepEqual(build().capabilityFor, [join(root, "program")]);
  chmodSync(join(root, "program"), 0o755);
  mkdirSync(join(root, "closed"), { mode: 0o700 });
  assert.deepEqual(build({ stateDirectory: join(root, "closed/state") }).capabilityFor, [join(root, "closed")]);
});

test("system files are granted one by one, never a directory with secrets in it", (t) => {
  const { readable } = place(t).build();
  for (const path of [
    "/",
    "/etc",
    "/etc/ssl",
    "/etc/ssl/private",
    "/etc/shadow",
    "/root",
    "/home",
    "/proc",
    "/dev",
    "/run",
  ])
    assert.ok(!readable.includes(path), path);
  assert.ok(readable.includes(realpathSync("/etc/hosts")));
  for (const path of readable) assert.equal(realpathSync(path), path);
});

test("links are resolved, what is missing is left out, and what lies in another path is not named twice", (t) => {
  const { root, build } = place(t);
  symlinkSync(join(root, "logs"), join(root, "link"));
  mkdirSync(join(root, "logs/sub"));
  const { logs, readable, listable } = build({
    roots: [join(root, "link"), join(root, "logs/sub"), join(root, "missing/deep"), "/nowhere-at-all"],
  });
  assert.deepEqual(logs, [join(root, "logs")]);
  assert.deepEqual(
    readable.filter((path) => path.startsWith(root)),
    [join(root, "program")],
  );
  assert.ok(!build({ programPaths: [join(root, "logs/sub")] }).readable.includes(join(root, "logs/sub")));
  // Of /nowhere-at-all the nearest parent is /, and to list that would be to list everything.
  assert.deepEqual(listable, [root]);
});

test("of a log that is a file its directory is granted, but none of the system's", (t) => {
  const { root, build } = place(t);
  writeFileSync(join(root, "logs/a.log"), "");
  assert.deepEqual(build({ roots: [join(root, "logs/a.log"), "/etc/passwd"] }).logs, [
    "/etc/passwd",
    join(root, "logs"),
  ]);
});

test("of a configuration file the directory is granted where it holds nothing but files", (t) => {
  const { root, build } = place(t);
  const config = join(root, "config");
  mkdirSync(join(config, "..2026"), { recursive: true });
  writeFileSync(join(config, "..2026/key"), "");
  symlinkSync("..2026", join(config, "..data"));
  symlinkSync("..data/key", join(config, "key"));
  assert.ok(build({ configPaths: [join(config, "key")] }).readable.includes(config));
  mkdirSync(join(config, "more"));
  const { readable } = build({ configPaths: [join(config, "key")] });
  assert.ok(!readable.includes(config));
  assert.ok(readable.includes(join(config, "..2026/key")));
});

test("an executable brings its loader, and TCP brings DNS", (t) => {
  const { executables, programs, connectPorts, bindPorts } = place(t).build();
  assert.equal(executables[0], realpathSync("/bin/sh"));
  assert.match(executables[1] ?? "", /\/ld-/);
  assert.deepEqual(programs, []);
  assert.deepEqual(connectPorts, [53, 443, 8443]);
  assert.deepEqual(bindPorts, [9881]);
});

test("with nothing to connect to there are no names to look up", (t) => {
  assert.deepEqual(place(t).build({ connectPorts: [] }).connectPorts, []);
});
