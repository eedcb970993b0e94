import assert from "node:assert/strict";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ConfinementError } from "./confinement_error.ts";
import { handOverStateDirectory } from "./state_directory.ts";

/** Root hands over to nobody; anyone else can only hand over to itself. */
const isRoot = process.geteuid?.() === 0;
const uid = isRoot ? 65_534 : (process.geteuid?.() ?? 0);
const gid = isRoot ? 65_534 : (process.getegid?.() ?? 0);

function place(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "handover-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

function handOver(stateDirectory: string): void {
  handOverStateDirectory({ stateFlag: "--db-path", stateDirectory, uid, gid });
}

function ownership(path: string): unknown {
  const stat = statSync(path);
  return { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 };
}

test("a directory that is missing is made, private to the user", (t) => {
  const root = place(t);
  const state = join(root, "deep/state");
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  handOver(state);
  assert.equal(statSync(join(root, "deep")).mode & 0o777, 0o755, "one can pass through");
  assert.deepEqual(ownership(state), { uid, gid, mode: 0o700 });
  handOver(state);
});

test("one that is there is handed over with its files", (t) => {
  const state = join(place(t), "state");
  mkdirSync(state, { mode: 0o755 });
  writeFileSync(join(state, "state.sqlite"), "", { mode: 0o644 });
  handOver(state);
  assert.deepEqual(ownership(state), { uid, gid, mode: 0o700 });
  assert.deepEqual(ownership(join(state, "state.sqlite")), { uid, gid, mode: 0o600 });
});

test("what someone planted is refused, and stays what it is", (t) => {
  const root = place(t);
  const foreign = join(root, "foreign");
  writeFileSync(foreign, "", { mode: 0o644 });
  const before = ownership(foreign);
  const state = join(root, "state");
  for (const plant of [
    () => symlinkSync(foreign, join(state, "state.sqlite")),
    () => linkSync(foreign, join(state, "state.sqlite")),
    () => mkdirSync(join(state, "state.sqlite")),
  ]) {
    mkdirSync(state);
    plant();
    assert.throws(() => handOver(state), ConfinementError);
    assert.deepEqual(ownership(foreign), before);
    rmSync(state, { recursive: true });
  }
});

test("a directory of others is refused with what to do, and so is a link to one", (t) => {
  const root = place(t);
  const shared = join(root, "shared");
  mkdirSync(join(shared, "of another program"), { recursive: true });
  chmodSync(shared, 0o1777);
  assert.throws(() => handOver(shared), /of another program.* Give a directory of its own with --db-path/);
  assert.equal(statSync(shared).mode & 0o7777, 0o1777);
  symlinkSync(root, join(root, "link"));
  assert.throws(() => handOver(join(root, "link")), /is not a directory/);
});
