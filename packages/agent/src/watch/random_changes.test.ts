import assert from "node:assert/strict";
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { errorCode } from "./open_directory.ts";
import { agreesWithDisk, disagreement, type Ground, makeGround, type Recorder, until, watch } from "./recorder.ts";
import type { WatchBackend } from "./sink.ts";

/** To run a failure again: the `seed` and `path` that it printed, as SEED=… and COUNTEREXAMPLE=… in the environment. */
const { SEED, COUNTEREXAMPLE } = process.env;
const seed = SEED === undefined ? Date.now() % 2 ** 31 : Number(SEED);

/** The second name is outside of what is watched. */
const ROOTS = ["one", "two"];
const place = fc
  .tuple(
    fc.constantFrom(...ROOTS, "outside"),
    fc.oneof(
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 12, arbitrary: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3, size: "max" }) },
    ),
  )
  .map(([root, rest]) => [root, ...rest].join("/"));

interface Change {
  readonly does: keyof typeof CHANGES;
  readonly at: string;
  readonly to: string;
  /** What comes before it: nothing, a turn of the event loop, or this many milliseconds. */
  readonly after: "at once" | "a turn" | number;
}

/** Real changes; one that the file system refuses (no such directory, not empty…) changes nothing. */
const CHANGES = {
  create(at: string) {
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, "x");
  },
  append: (at: string) => appendFileSync(at, "more"),
  delete: (at: string) => unlinkSync(at),
  rename(at: string, to: string) {
    // A root that is a link is not followed, which is tested with the roots.
    if (!(lstatSync(at).isSymbolicLink() && isRoot(to))) renameSync(at, to);
  },
  link(at: string, to: string) {
    if (!isRoot(at)) symlinkSync(to, at);
  },
  makeDirectories: (at: string) => void mkdirSync(at, { recursive: true }),
  removeAll: (at: string) => rmSync(at, { recursive: true }),
  recreate(at: string) {
    rmSync(at, { recursive: true });
    mkdirSync(at);
    writeFileSync(join(at, "anew"), "");
  },
  burst(at: string) {
    for (let n = 0; n < 60; n++) writeFileSync(join(at, `burst${n}`), "");
    for (let n = 0; n < 30; n++) renameSync(join(at, `burst${n}`), join(at, `burst${n + 30}`));
    for (let n = 40; n < 60; n++) unlinkSync(join(at, `burst${n}`));
  },
};

const REFUSALS = new Set(["ENOENT", "EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EINVAL", "ELOOP", "EPERM", "EBUSY"]);

const change: fc.Arbitrary<Change> = fc.record({
  does: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Change["does"]>("create", "rename") },
    { weight: 4, arbitrary: fc.constantFrom(...(Object.keys(CHANGES) as Change["does"][])) },
  ),
  at: place,
  to: place,
  after: fc.oneof(
    { weight: 6, arbitrary: fc.constant("at once" as const) },
    { weight: 2, arbitrary: fc.constant("a turn" as const) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
  ),
});

function isRoot(path: string): boolean {
  return ROOTS.some((root) => path.endsWith(`/${root}`));
}

async function apply(ground: string, { does, at, to, after }: Change): Promise<void> {
  if (after === "a turn") await turn();
  else if (after !== "at once") await delay(after);
  try {
    CHANGES[does](join(ground, at), join(ground, to));
  } catch (error) {
    if (!REFUSALS.has(errorCode(error))) throw error;
  }
}

/** Resolves when everything that the kernel queued before has been told: it keeps one queue, in order. */
async function passedThrough(told: Recorder, sentinel: string): Promise<void> {
  writeFileSync(sentinel, "");
  await until(() => told.names.has(sentinel));
  unlinkSync(sentinel);
  await until(() => !told.names.has(sentinel));
}

async function keepsTrue(
  ground: Ground,
  backend: WatchBackend,
  before: readonly Change[],
  changes: readonly Change[],
  pauseMs: number,
): Promise<void> {
  for (const name of [...ROOTS, "outside", "sentinels"]) ground.mkdir(name);
  for (const one of before) await apply(ground.path, { ...one, after: "at once" });
  const roots = [...ROOTS, "sentinels"].map(ground.at);
  const { told, watcher } = await watch(ground, { roots, backend, pauseMs, mountPollMs: 0 });
  assert.equal(disagreement(told, roots), "");
  for (const one of changes) await apply(ground.path, one);
  if (backend === "fs-watch") {
    await watcher.sweepNow();
    assert.equal(disagreement(told, roots), "");
  }
  for (let n = 0; n < 2; n++) {
    await passedThrough(told, ground.at("sentinels/sentinel"));
    await agreesWithDisk(told, roots);
  }
  assert.deepEqual(told.reported("unreadable_directory"), []);
}

for (const [backend, numRuns] of [
  ["inotify", 120],
  ["fs-watch", 60],
] as const satisfies [WatchBackend, number][]) {
  test(`${backend}: whatever happens to a tree, the names told are those on disk once it is quiet (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 12, size: "max" }),
        fc.array(change, { minLength: 1, maxLength: 60, size: "max" }),
        fc.constantFrom(0, 8),
        async (before, changes, pauseMs) => {
          const ended: (() => Promise<void>)[] = [];
          const ground = makeGround({ after: (act) => ended.push(act) });
          try {
            await keepsTrue(ground, backend, before, changes, pauseMs);
          } finally {
            for (const act of ended) await act();
          }
        },
      ),
      {
        seed,
        numRuns,
        ...(COUNTEREXAMPLE === undefined ? {} : { path: COUNTEREXAMPLE }),
        interruptAfterTimeLimit: 200_000,
        markInterruptAsFailure: true,
      },
    );
  });
}
