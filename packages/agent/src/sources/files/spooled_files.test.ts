import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSetIn } from "../../../test/file_set.ts";
import { SegmentStore } from "../../spool/segment_store.ts";
import { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { FileSet } from "./file_set.ts";

/** A state as an agent left it that was killed while it copied a deleted file of `size` bytes, acknowledged up to byte 4. */
function killed(t: TestContext, size: number) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "spooled-")));
  mkdirSync(join(root, "logs"));
  const state = StateStore.open(join(root, "state"));
  const id = state.addFile({
    dev: 1n,
    ino: 2n,
    born: 0n,
    path: join(root, "logs/a.log"),
    headLength: 0,
    headCrc: 0,
    checkpoint: { offset: 4, anchor: new Uint8Array(Buffer.from("one\n")), lineStart: 4, part: 0 },
  });
  state.beginSpool(id, size);
  const store = new SegmentStore({ directory: state.directory, records: state.spool, limit: 1e9 });
  const events: AgentEvent[] = [];
  const log = join(root, "logs/a.log");
  const begin = (): FileSet => {
    const files = fileSetIn(join(root, "logs"), {
      state,
      emit: (event) => events.push(event),
    });
    t.after(() => {
      files.close();
      state.close();
      rmSync(root, { recursive: true, force: true });
    });
    files.adopt([]);
    files.entry(log, "scan");
    files.scanned();
    return files;
  };
  const origin = { path: join(root, "logs/a.log"), headLength: 0, headCrc: 0, offset: 4, lineStart: 4, part: 0 };
  const add = (start: number, text: string) =>
    store.write(
      { fileId: id, start, bytes: Buffer.from(text), origin: { ...origin, size } },
      () => false,
      () => true,
    );
  return { state, events, id, log, begin, add };
}

test("of a file that was noted and not copied yet, everything is lost, counted and forgotten", (t) => {
  const { state, events, begin } = killed(t, 1000);
  begin();
  assert.deepEqual(
    events.map((event) => [event.name, "bytes" in event ? event.bytes : undefined]),
    [
      ["file_lost_unread", 996],
      ["file_closed", undefined],
    ],
  );
  assert.deepEqual(state.files(), []);
});

test("what a batch held can be read again at once, also over the ends of segments", async (t) => {
  const { events, id, begin, add } = killed(t, 18);
  // The first one begins at the bytes before the checkpoint, by which the place is recognised.
  await add(0, "one\ntwo\nth");
  await add(10, "ree\nfour");
  const files = begin();
  const ranges = [{ fileId: id, start: 4, end: 14, lineStart: 14 }];
  await files.prepareAgain([{ id: "batch", ranges }]);
  const file = files.byId(id);
  assert.ok(file !== undefined);
  const again = files.readAgain(file, { end: 14, lineStart: 14 });
  assert.equal(again?.bytes.toString(), "two\nthree\n");
  files.preparedRead();
  assert.deepEqual(
    events.filter(({ name }) => name.endsWith("lost_unread")),
    [],
  );
  // The rest of it, in turn.
  let rest = "";
  while (rest === "") {
    rest = files.next()?.bytes.toString() ?? "";
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(rest, "four");
});

test("what is in the spool is read before what came under its name later", async (t) => {
  const { log, begin, add } = killed(t, 18);
  await add(0, "one\ntwo\nth");
  await add(10, "ree\nfour");
  writeFileSync(log, "five\n");
  const files = begin();
  files.preparedRead();
  let text = "";
  for (const end = performance.now() + 5000; !text.endsWith("five\n") && performance.now() < end; ) {
    text += files.next()?.bytes.toString() ?? "";
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(text, "two\nthree\nfourfive\n");
});

test("a file of which everything was acknowledged before the agent ended is forgotten without a word", async (t) => {
  const { state, events, id, begin, add } = killed(t, 8);
  await add(0, "one\ntwo\n");
  const checkpoint = { offset: 8, anchor: new Uint8Array(Buffer.from("one\ntwo\n")), lineStart: 8, part: 0 };
  state.saveCheckpoint({ id, headLength: 0, headCrc: 0, checkpoint });
  begin();
  assert.deepEqual([state.files(), state.spool.segments()], [[], []]);
  assert.deepEqual(
    events.filter(({ name }) => name !== "file_closed"),
    [],
  );
});
