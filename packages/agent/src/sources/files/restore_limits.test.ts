import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { fileSetIn } from "../../../test/file_set.ts";
import { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { FileSet, FileSetOptions } from "./file_set.ts";
import { RestoreSlots } from "./restore_slots.ts";

const BEGINNING = `the beginning of the log, ${"b".repeat(1100)}\n`;
const REST = `${"y".repeat(99)}\n`.repeat(20_000);
const ENDS = new Set(["file_restored", "file_gone_while_down", "restore_limited"]);

/**
 * A log is read, and rotated and compressed while the agent is down, with more in it.
 * @returns what the next run reads of it, and what it tells.
 */
async function readAfterRotation(
  t: TestContext,
  form: { readonly extension: string; readonly bytes: Buffer },
  limits: Pick<FileSetOptions, "restoreLimit">,
): Promise<{ text: string; events: readonly AgentEvent[] }> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "limits-")));
  t.after(() => rmSync(root, { recursive: true }));
  const logs = join(root, "logs");
  mkdirSync(logs);
  const log = join(logs, "a.log");
  const events: AgentEvent[] = [];
  let text = "";
  const begin = (state: StateStore): FileSet => {
    const files = fileSetIn(logs, {
      includes: (path) => path === log,
      state,
      emit: (event) => events.push(event),
      ...limits,
    });
    files.entry(log, "scan");
    files.scanned();
    return files;
  };
  const read = (files: FileSet): void => {
    for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) {
      text += chunk.bytes.toString("latin1");
      chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length)).acknowledge();
    }
    files.saveCheckpoints();
  };
  writeFileSync(log, BEGINNING);
  const first = StateStore.open(join(root, "state"));
  const before = begin(first);
  read(before);
  before.close();
  first.close();
  assert.equal(text, BEGINNING);

  text = "";
  writeFileSync(`${log}.1${form.extension}`, form.bytes);
  rmSync(log);
  const second = StateStore.open(join(root, "state"));
  const files = begin(second);
  t.after(() => {
    files.close();
    second.close();
  });
  const until = performance.now() + 10_000;
  while (!events.some(({ name }) => ENDS.has(name)) && performance.now() < until) await turn();
  const isRestored = events.some(({ name }) => name === "file_restored");
  do {
    read(files);
    await turn();
  } while (isRestored && text === "" && performance.now() < until);
  return { text, events };
}

const gzip = { extension: ".gz", bytes: gzipSync(BEGINNING + REST) };

test("what was compressed before it was read is unpacked", async (t) => {
  const { text, events } = await readAfterRotation(t, gzip, {});
  assert.equal(text, REST);
  assert.ok(!events.some(({ name }) => name === "restore_limited"));
});

test("nothing is unpacked where nothing may be on disk", async (t) => {
  const { text, events } = await readAfterRotation(t, gzip, { restoreLimit: 0 });
  assert.equal(text, "");
  assert.ok(events.some(({ name }) => name === "restore_limited"));
});

test("no more is unpacked than may be on disk, and it is said", async (t) => {
  const { text, events } = await readAfterRotation(t, gzip, { restoreLimit: 500_000 });
  assert.ok(text.length > 100_000 && text.length <= 500_000, `${text.length} bytes`);
  assert.ok(REST.startsWith(text));
  assert.ok(events.some(({ name }) => name === "restore_limited"));
});

test("a form that asks for much memory is not unpacked", async (t) => {
  const params = { [constants.ZSTD_c_windowLog]: 27 };
  // Its length is not told to the compressor, which would take a smaller window for it.
  const large = { extension: ".zst", bytes: zstdCompressSync(BEGINNING + REST.repeat(20), { params }) };
  const { text, events } = await readAfterRotation(t, large, {});
  assert.equal(text, "");
  assert.ok(events.some(({ name }) => name === "file_gone_while_down"));
});

test("one form of a directory is unpacked at a time, and the others of others meanwhile", async () => {
  const slots = new RestoreSlots();
  const log: string[] = [];
  const begin = (directory: string, name: string): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    void slots.run(directory, async () => {
      log.push(name);
      await promise;
    });
    return resolve;
  };
  const ends = ["a1", "a2", "b1", "c1", "d1", "e1"].map((name) => begin(`/${name[0]}`, name));
  await turn();
  assert.deepEqual(log, ["a1", "b1", "c1", "d1"]);
  ends[2]?.();
  await turn();
  assert.deepEqual(log, ["a1", "b1", "c1", "d1", "e1"]);
  ends[0]?.();
  await turn();
  assert.deepEqual(log, ["a1", "b1", "c1", "d1", "e1", "a2"]);
});
