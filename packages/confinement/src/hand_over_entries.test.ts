import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ConfinementError } from "./confinement_error.ts";
import { handOverStateDirectory } from "./state_directory.ts";

const skip = process.geteuid?.() === 0 ? false : "needs root, to have something to hand over";
const USER = 64_000;
const SOMEONE = 64_001;

interface Place {
  readonly root: string;
  readonly state: string;
  readonly deep: string;
}

/** A state directory of root's, with a tree in it. */
function place(t: TestContext): Place {
  const root = mkdtempSync(join(tmpdir(), "handover-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const state = join(root, "state");
  const deep = join(state, "store/a/b");
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(state, "key"), "secret\n", { mode: 0o644 });
  writeFileSync(join(deep, "part"), "data\n", { mode: 0o640 });
  return { root, state, deep };
}

function handOver(stateDirectory: string, uid = USER): void {
  handOverStateDirectory({
    stateDirectory,
    stateFlag: "--data-dir",
    stateEntries: ["store", "key"],
    linkable: [join(stateDirectory, "store")],
    uid,
    gid: uid,
  });
}

function owned(path: string): string {
  const { uid, gid, mode } = lstatSync(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}

test("a tree of root's is handed over to its depth, private, and nothing is touched a second time", { skip }, (t) => {
  const { state, deep } = place(t);
  handOver(state);
  for (const path of [state, join(state, "store"), join(state, "store/a"), deep])
    assert.equal(owned(path), `${USER}:${USER} 700`, path);
  for (const path of [join(state, "key"), join(deep, "part")]) assert.equal(owned(path), `${USER}:${USER} 600`, path);
  const before = lstatSync(join(deep, "part"), { bigint: true }).ctimeNs;
  handOver(state);
  assert.equal(lstatSync(join(deep, "part"), { bigint: true }).ctimeNs, before);
});

test("what root wrote into a tree of the user's is handed over, and a change of the user is said with what to do", {
  skip,
}, (t) => {
  const { state, deep } = place(t);
  handOver(state);
  writeFileSync(join(deep, "later"), "by root\n");
  handOver(state);
  assert.equal(owned(join(deep, "later")), `${USER}:${USER} 600`);
  chownSync(state, 0, 0);
  assert.throws(() => handOver(state, 0), / in it belongs to user 64000 \(if it is this program's, run chown -Rh 0 /);
});

test("links are not followed and stay what they are, wherever they lead", { skip }, (t) => {
  const { root, state, deep } = place(t);
  const outside = join(root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "file"), "", { mode: 0o644 });
  symlinkSync(outside, join(deep, "directory"));
  symlinkSync(join(outside, "file"), join(deep, "file"));
  symlinkSync("nothing", join(deep, "dangling"));
  handOver(state);
  assert.equal(owned(outside), "0:0 755");
  assert.equal(owned(join(outside, "file")), "0:0 644");
  assert.ok(lstatSync(join(deep, "directory")).isSymbolicLink());
});

test("a file with several names is handed over when all of them are in the tree", { skip }, (t) => {
  const { state, deep } = place(t);
  linkSync(join(deep, "part"), join(state, "store/same"));
  handOver(state);
  assert.equal(owned(join(state, "store/same")), `${USER}:${USER} 600`);
});

const HOSTILE: readonly (readonly [what: string, plant: (place: Place, foreign: string) => void, says: RegExp])[] = [
  ["a hard link to a file of root's", ({ deep }, foreign) => linkSync(foreign, join(deep, "x")), /2 names/],
  [
    "two hard links to a file of root's",
    ({ deep, state }, foreign) => {
      linkSync(foreign, join(deep, "x"));
      linkSync(foreign, join(state, "store/y"));
    },
    /3 names/,
  ],
  [
    "a hard link beside the tree, of a name that is not handed over",
    ({ deep, state }) => linkSync(join(deep, "part"), join(state, "other")),
    /store\/a\/b\/part in it .* 2 names/,
  ],
  [
    "a file of someone else",
    ({ deep }) => {
      writeFileSync(join(deep, "x"), "");
      chownSync(join(deep, "x"), SOMEONE, SOMEONE);
    },
    /store\/a\/b\/x in it belongs to user 64001/,
  ],
  [
    "a directory of someone else",
    ({ deep }) => {
      mkdirSync(join(deep, "x"));
      chownSync(join(deep, "x"), SOMEONE, SOMEONE);
    },
    /x in it belongs to user 64001/,
  ],
];

for (const [what, plant, says] of HOSTILE)
  test(`refused, with nothing given away: ${what}`, { skip }, (t) => {
    const here = place(t);
    const foreign = join(here.root, "foreign");
    writeFileSync(foreign, "", { mode: 0o644 });
    plant(here, foreign);
    assert.throws(
      () => handOver(here.state),
      (error) => error instanceof ConfinementError && says.test(error.message) && /--data-dir/.test(error.message),
    );
    assert.equal(owned(foreign), "0:0 644");
    assert.equal(owned(here.state), "0:0 700");
    for (const path of [join(here.state, "key"), join(here.deep, "part"), here.deep])
      assert.match(owned(path), /^0:0 /, path);
  });

test("a socket in the tree is refused", { skip }, async (t) => {
  const { state, deep } = place(t);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(deep, "socket"), resolve));
  t.after(() => server.close());
  assert.throws(() => handOver(state), /socket in it is not a file/);
});

test("a directory that root keeps for something else is refused as it is, and one with more than the program's keeps the rest", {
  skip,
}, (t) => {
  const { root, state } = place(t);
  const home = join(root, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
  chmodSync(home, 0o700);
  assert.throws(() => handOver(home), /it holds \.ssh and nothing of this program/);
  assert.equal(owned(home), "0:0 700");
  assert.deepEqual(readdirSync(home), [".ssh"]);
  writeFileSync(join(state, "certificate.pem"), "", { mode: 0o600 });
  handOver(state);
  assert.equal(owned(join(state, "certificate.pem")), "0:0 600");
});

test("the top of a disk is taken, and a directory of someone else is not", { skip }, (t) => {
  const { root, state } = place(t);
  const disk = join(root, "disk");
  mkdirSync(join(disk, "lost+found"), { recursive: true });
  handOver(disk);
  for (const path of [disk, join(disk, "store")]) assert.equal(owned(path), `${USER}:${USER} 700`);
  assert.equal(owned(join(disk, "lost+found")).split(" ")[0], "0:0");
  chownSync(state, SOMEONE, SOMEONE);
  assert.throws(() => handOver(state), /it belongs to user 64001 \(if it is this program's, run chown -Rh 0 /);
});
