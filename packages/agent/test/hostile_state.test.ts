import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const skip = process.geteuid?.() === 0 ? false : "needs root, to plant what belongs to others";
const START_FAILED = 1;
/** A user that the agent neither runs as nor becomes. */
const STRANGER = 12_345;

/** A state directory that anyone could write to until now. */
function open({ state }: Place, owner = 0): void {
  mkdirSync(state);
  chmodSync(state, 0o777);
  chownSync(state, owner, owner);
}

function victimOf({ root }: Place): string {
  return join(root, "victim");
}

/** What others may have put in the place of the state before the agent was ever started, and what is said of it. */
const PLANTED: readonly (readonly [what: string, plant: (place: Place) => void, says: RegExp])[] = [
  ["a directory of another user", (place) => open(place, STRANGER), /belongs to user 12345/],
  [
    "a directory of another user with the state of an agent",
    (place) => {
      open(place, STRANGER);
      writeFileSync(join(place.state, "state.sqlite"), "");
    },
    /belongs to user 12345/,
  ],
  ["a FIFO", ({ state }) => execFileSync("mkfifo", [state]), /not a directory|EEXIST/],
  ...["state.sqlite", "state.sqlite-wal"].flatMap((name) => [
    [
      `a link named ${name}`,
      (place: Place) => {
        open(place);
        symlinkSync(victimOf(place), join(place.state, name));
      },
      /symbolic link/,
    ] as const,
    [
      `a hard link named ${name}`,
      (place: Place) => {
        open(place);
        linkSync(victimOf(place), join(place.state, name));
      },
      /not a (?:file of its alone|regular file with one name)/,
    ] as const,
    [
      `a FIFO named ${name}`,
      (place: Place) => {
        open(place);
        execFileSync("mkfifo", [join(place.state, name)]);
      },
      /not a (?:regular )?file/,
    ] as const,
    [
      `a file of another user named ${name}`,
      (place: Place) => {
        open(place);
        writeFileSync(join(place.state, name), "");
        chownSync(join(place.state, name), STRANGER, STRANGER);
      },
      /belongs to user 12345|not a regular file with one name that belongs to user 0/,
    ] as const,
  ]),
];

/** All of a thing that the start could have changed, its inode included. */
function told(path: string): unknown {
  const { ino, mode, uid, gid, size, nlink, mtimeNs } = lstatSync(path, { bigint: true });
  return { ino, mode, uid, gid, size, nlink, mtimeNs };
}

for (const confinement of ["best-effort", "off"]) {
  for (const [what, plant, says] of PLANTED) {
    test(`${what}, in the place of the state, ends the start, and nothing changes: confinement ${confinement}`, {
      skip,
    }, async (t) => {
      const place = makePlace();
      const victim = victimOf(place);
      writeFileSync(victim, "", { mode: 0o644 });
      plant(place);
      const planted = lstatSync(place.state).isDirectory()
        ? readdirSync(place.state).map((name) => join(place.state, name))
        : [place.state];
      const before = [victim, ...planted].map(told);
      const agent = startAgent(t, { place, port: 1, env: { LOGDNA_CONFINEMENT: confinement } });
      assert.equal(await agent.ended, START_FAILED);
      assert.match(agent.output(), says);
      assert.ok(agent.output().includes(place.state), agent.output());
      assert.deepEqual([victim, ...planted].map(told), before);
      assert.equal(readFileSync(victim, "utf8"), "");
    });
  }

  test(`a state that others could read and write to becomes private: confinement ${confinement}`, {
    skip,
  }, async (t) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const env = { LOGDNA_CONFINEMENT: confinement };
    open(place);
    const first = await startedAgent(t, { place, port: sink.port, env });
    assert.equal(await first.stop(), 0);
    const files = readdirSync(place.state).map((name) => join(place.state, name));
    assert.ok(files.length > 0);
    for (const path of files) chmodSync(path, 0o666);
    chmodSync(place.state, 0o777);
    const again = await startedAgent(t, { place, port: sink.port, env });
    assert.equal(statSync(place.state).mode & 0o777, 0o700);
    for (const name of readdirSync(place.state))
      assert.equal(statSync(join(place.state, name)).mode & 0o777, 0o600, name);
    assert.equal(await again.stop(), 0);
  });
}

for (const confinement of ["best-effort", "off"]) {
  test(`the database directory of an agent of an earlier version is left as it is, confinement ${confinement}`, {
    skip,
  }, async (t) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const old = join(place.state, "agent_state.db");
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, "CURRENT"), "MANIFEST-1\n", { mode: 0o644 });
    const env = { LOGDNA_CONFINEMENT: confinement };
    const agent = await startedAgent(t, { place, port: sink.port, env });
    writeFileSync(join(place.logs, "a.log"), "one\n");
    await sink.until(() => sink.texts().includes("one"));
    assert.equal(await agent.stop(), 0);
    assert.equal(statSync(join(old, "CURRENT")).uid, 0);
    assert.equal(readFileSync(join(old, "CURRENT"), "utf8"), "MANIFEST-1\n");
  });
}

test("a directory of root's that holds other things is not given away", { skip }, async (t) => {
  const place = makePlace();
  mkdirSync(place.state);
  writeFileSync(join(place.state, "program"), "#!/bin/sh\n", { mode: 0o755 });
  const agent = startAgent(t, { place, port: 1 });
  assert.equal(await agent.ended, 1);
  assert.match(
    agent.output(),
    /it holds program and nothing of this program. Give a directory of its own with --db-path/,
  );
  const { uid, mode } = statSync(join(place.state, "program"));
  assert.deepEqual([uid, mode & 0o777, statSync(place.state).uid], [0, 0o755, 0]);
});
