import assert from "node:assert/strict";
import { mkdtempSync, openSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SegmentStore } from "../../spool/segment_store.ts";
import { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { SpoolWriter } from "./spool_writer.ts";
import type { SpooledFile } from "./spooled_file.ts";
import { TailedFile } from "./tailed_file.ts";

test("a deleted file that cannot be read does not keep the others from being copied", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "writer-"));
  const state = StateStore.open(join(root, "state"));
  const files = ["a", "b", "c"].map((name, n) => {
    const path = join(root, name);
    writeFileSync(path, `${name}\n`);
    const position = { offset: 0, anchor: new Uint8Array(0), lineStart: 0, part: 0 };
    const head = { length: 0, crc: 0 };
    const file = new TailedFile({
      dev: 1n,
      ino: BigInt(n),
      path,
      head,
      position,
      onAcknowledged: () => undefined,
    });
    // Of the first one nothing can be read: the system says EBADF.
    file.fd = openSync(path, n === 0 ? "a" : "r");
    unlinkSync(path);
    file.id = state.addFile({
      dev: 1n,
      ino: BigInt(n),
      born: 0n,
      path,
      headLength: 0,
      headCrc: 0,
      checkpoint: position,
    });
    return file;
  });
  t.after(() => {
    for (const file of files) file.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  const items = new Map<TailedFile, SpooledFile>();
  const events: AgentEvent[] = [];
  const writer = new SpoolWriter({
    state,
    store: new SegmentStore({ directory: state.directory, records: state.spool, limit: 1e9 }),
    hot: { files: () => files, isCrowded: false },
    emit: (event) => events.push(event),
    clock: () => 0,
    of: (file) => items.get(file),
    onRewritten: () => undefined,
    begin: (file, size) => {
      state.beginSpool(file.id, size);
      const item = { file, segments: [], dropped: [], end: 0, source: true, unpackedTo: 0 };
      items.set(file, item);
      return item;
    },
    makeRoom: () => false,
    onCopied: () => undefined,
  });
  await writer.finish();
  const copied = events.flatMap((event) => (event.name === "segment_written" ? [event.path] : []));
  assert.deepEqual(copied, [join(root, "b"), join(root, "c")]);
  assert.deepEqual(
    events.flatMap((event) => (event.name === "spool_unwritable" ? [event.code] : [])),
    ["EBADF"],
  );
  assert.ok(readFileSync(join(state.directory, "spool-1.zst")).length > 0);
});
