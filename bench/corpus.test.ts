import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { CorpusText, HEALTH_CHECK, writeCorpus, writeLinesOf } from "./corpus.ts";

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "corpus-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("the corpus is the same each time, of the size that was asked for, and what is said of it is so", (t) => {
  const [one, other] = [join(directory(t), "one"), join(directory(t), "other")];
  const said = writeCorpus(one, 1e6);
  assert.deepEqual(writeCorpus(other, 1e6), said);
  const text = readFileSync(one, "utf8");
  assert.equal(readFileSync(other, "utf8"), text);
  const lines = text.split("\n").slice(0, -1);
  assert.equal(Buffer.byteLength(text), said.bytes);
  assert.equal(lines.length, said.lines);
  assert.equal(lines.filter((line) => line.includes(HEALTH_CHECK)).length, said.healthChecks);
  assert.ok(said.bytes >= 1e6 && said.bytes < 1.001e6, `${said.bytes}`);
  const length = said.bytes / said.lines;
  assert.ok(length > 170 && length < 190, `${length} bytes a line`);
  assert.ok(lines.every((line) => line !== ""));
});

test("files that are written from one text have together what one file would have", (t) => {
  const path = directory(t);
  const said = writeCorpus(join(path, "one"), 2e6);
  const text = new CorpusText();
  let written = 0;
  const parts = [0, 1, 2, 3, 4].map((n) => {
    const part = writeCorpus(join(path, String(n)), (n + 1) * 4e5 - written, text);
    written += part.bytes;
    return readFileSync(join(path, String(n)));
  });
  assert.equal(written, said.bytes);
  assert.deepEqual(Buffer.concat(parts), readFileSync(join(path, "one")));
});

test("a corpus of another seed is another text", (t) => {
  const path = join(directory(t), "log");
  writeCorpus(path, 10_000, new CorpusText(1));
  const one = readFileSync(path, "utf8");
  writeCorpus(path, 10_000, new CorpusText(2));
  assert.notEqual(readFileSync(path, "utf8"), one);
});

test("lines of one length have it, the newline included", (t) => {
  const path = join(directory(t), "log");
  for (const length of [20, 1000]) {
    const said = writeLinesOf(length, path, 100_000);
    const bytes = readFileSync(path);
    assert.equal(bytes.length, said.bytes);
    assert.equal(said.lines, said.bytes / length);
    for (let at = -1, next = bytes.indexOf(10); next >= 0; at = next, next = bytes.indexOf(10, at + 1))
      assert.equal(next - at, length);
  }
});
