import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { Secret } from "../../config/mod.ts";
import { isStateFile } from "../../state/state_names.ts";
import { keptSalt, redactionSalt } from "./mod.ts";

const run = promisify(execFile);

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "salt-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a salt that is given is used, and nothing is kept", (t) => {
  const state = directory(t);
  assert.deepEqual(redactionSalt(state, new Secret("pepper")), Buffer.from("pepper"));
  assert.deepEqual(readdirSync(state), []);
});

test("otherwise a random one is made once, private to its user, under a name of the state's", (t) => {
  const state = directory(t);
  const salt = redactionSalt(state);
  assert.equal(salt.length, 32);
  assert.deepEqual(redactionSalt(state), salt);
  assert.deepEqual(readdirSync(state), ["redaction.salt"]);
  const { mode, nlink } = statSync(join(state, "redaction.salt"));
  assert.equal(mode & 0o777, 0o600);
  assert.equal(nlink, 1);
  assert.ok(isStateFile("redaction.salt") && isStateFile("redaction.salt.1234"));
  assert.notDeepEqual(redactionSalt(directory(t)), salt);
});

test("processes that make one at the same time have the same", async (t) => {
  const state = directory(t);
  const code = `
    import { redactionSalt } from ${JSON.stringify(join(import.meta.dirname, "mod.ts"))};
    while (Date.now() < ${Date.now() + 1500});
    process.stdout.write(redactionSalt(${JSON.stringify(state)}).toString("hex"));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", code];
  const salts = await Promise.all(Array.from({ length: 4 }, async () => (await run(process.execPath, args)).stdout));
  assert.deepEqual(new Set(salts), new Set([redactionSalt(state).toString("hex")]));
  assert.deepEqual(readdirSync(state), ["redaction.salt"]);
});

test("under Node's permissions, as in the confined agent, it can be made", async (t) => {
  const state = directory(t);
  const code = `
    import { redactionSalt } from ${JSON.stringify(join(import.meta.dirname, "mod.ts"))};
    process.stdout.write(redactionSalt(${JSON.stringify(state)}).toString("hex"));`;
  const permissions = ["--permission", "--allow-fs-read=*", `--allow-fs-write=${state}`];
  const args = ["--disable-warning=ExperimentalWarning", ...permissions, "--input-type=module", "--eval", code];
  assert.equal((await run(process.execPath, args)).stdout, redactionSalt(state).toString("hex"));
});

test("what is there and was not made by the agent is refused, and says what to do", (t) => {
  const state = directory(t);
  const path = join(state, "redaction.salt");
  const elsewhere = join(directory(t), "elsewhere");
  writeFileSync(elsewhere, Buffer.alloc(32));
  const planted = [
    () => writeFileSync(path, "short"),
    () => writeFileSync(path, ""),
    () => writeFileSync(path, Buffer.alloc(33)),
    () => symlinkSync(elsewhere, path),
    () => symlinkSync("/nowhere", path),
  ];
  for (const plant of planted) {
    plant();
    assert.throws(() => redactionSalt(state), {
      name: "StateError",
      message: /redaction\.salt is not the salt.* Remove it.*REDACT_SALT/,
    });
    rmSync(path);
  }
  assert.equal(redactionSalt(state).length, 32);
});

test("whoever only looks gets the salt that is kept, that of another user's agent too, and makes none", {
  skip: process.geteuid?.() === 0 ? false : "needs root",
}, (t) => {
  const state = directory(t);
  assert.deepEqual(keptSalt(state, new Secret("pepper")), Buffer.from("pepper"));
  assert.equal(keptSalt(state), undefined);
  assert.equal(keptSalt("/nowhere/at/all"), undefined);
  assert.deepEqual(readdirSync(state), []);
  const salt = redactionSalt(state);
  assert.deepEqual(keptSalt(state), salt);
  chownSync(state, 65_534, 65_534);
  assert.equal(keptSalt(state), undefined, "it is not of the user whose the directory is");
  chownSync(join(state, "redaction.salt"), 65_534, 65_534);
  assert.deepEqual(keptSalt(state), salt);
});

test("where it cannot be kept, the error says where, why and what to do", () => {
  assert.throws(() => redactionSalt("/nowhere/at/all"), {
    name: "StateError",
    message: /cannot be kept in \/nowhere\/at\/all\/redaction\.salt: ENOENT.*REDACT_SALT/s,
  });
});
