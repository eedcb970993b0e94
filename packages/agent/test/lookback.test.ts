import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

/** More than the 8 KiB up to which a file is a small one. */
const LARGE = "x".repeat(9000);

/**
 * What is read, of files that nobody has read before the first start, and of what was written between two runs. Each line is named
 * after its file.
 */
const CASES = {
  "not set": {
    first: [],
    second: ["known 2", "renamed 2", "renamed 3", "copied 2", "copied 3", "new small 1", `new large ${LARGE}`],
  },
  none: { first: [], second: [] },
  smallfiles: {
    first: ["small 1"],
    second: ["known 2", "renamed 2", "renamed 3", "copied 2", "copied 3", "new small 1", `new large ${LARGE}`],
  },
  start: {
    first: ["small 1", `large ${LARGE}`],
    second: ["known 2", "renamed 2", "renamed 3", "copied 2", "copied 3", "new small 1", `new large ${LARGE}`],
  },
  tail: { first: [], second: ["known 2", "renamed 2", "copied 2", "copied 3"] },
} as const;

for (const [value, { first, second }] of Object.entries(CASES)) {
  test(`lookback ${value}: what is read of files that are there at the start, and after a pause`, async (t) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const log = (name: string): string => join(place.logs, `${name}.log`);
    const env = { LOGDNA_LOOKBACK: value === "not set" ? undefined : value };

    // Before the first start.
    writeFileSync(log("small"), "small 1\n");
    writeFileSync(log("large"), `large ${LARGE}\n`);
    const agent = await startedAgent(t, { place, port: sink.port, env });
    // While it runs: new files, and those that were there.
    for (const name of ["known", "renamed", "copied"]) writeFileSync(log(name), `${name} 1\n`);
    for (const name of ["small", "large"]) appendFileSync(log(name), `${name} 2\n`);
    await arrives(sink, 0, [...first, "known 1", "renamed 1", "copied 1", "small 2", "large 2"]);
    assert.equal(await agent.stop(), 0);

    // While it does not run: a known file grows, two are rotated, either way, and two are new.
    const before = sink.texts().length;
    for (const name of ["known", "renamed", "copied"]) appendFileSync(log(name), `${name} 2\n`);
    renameSync(log("renamed"), `${log("renamed")}.1`);
    writeFileSync(log("renamed"), "renamed 3\n");
    copyFileSync(log("copied"), `${log("copied")}.1`);
    truncateSync(log("copied"));
    appendFileSync(log("copied"), "copied 3\n");
    writeFileSync(log("new small"), "new small 1\n");
    writeFileSync(log("new large"), `new large ${LARGE}\n`);
    const again = await startedAgent(t, { place, port: sink.port, env });
    const names = ["known", "renamed", "copied", "new small", "new large", "small", "large"];
    for (const name of names) appendFileSync(log(name), `${name} last\n`);
    writeFileSync(log("appeared"), "appeared 1\n");
    await arrives(sink, before, [...second, ...names.map((name) => `${name} last`), "appeared 1"]);
    // Each log in its order, over its rotation too.
    const last = sink.lines().slice(before);
    for (const name of names) {
      const isOf = ({ file }: { readonly file?: string | undefined }): boolean =>
        basename(file ?? "").startsWith(`${name}.log`);
      const arrived = last.filter(isOf).map(({ line }) => line);
      assert.deepEqual(arrived, [...second.filter((line) => line.startsWith(`${name} `)), `${name} last`]);
    }
    assert.equal(await again.stop(), 0);
  });
}

test("files that come while the agent ends and begins are read from their start", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  let files = 0;
  const maker = setInterval(() => {
    files += 1;
    writeFileSync(join(place.logs, `${files}.log`), `new ${files}\n`);
  }, 5);
  t.after(() => clearInterval(maker));
  let agent = await startedAgent(t, { place, port: sink.port });
  // What was there before the first start is old.
  const first = files + 1;
  for (let n = 0; n < 3; n += 1) {
    const made = files;
    await sink.until(
      () => sink.texts().includes(`new ${made}`) || sink.texts().includes(`new ${made + 1}`),
      "a new file",
    );
    assert.equal(await agent.stop(), 0);
    agent = await startedAgent(t, { place, port: sink.port });
  }
  clearInterval(maker);
  const expected = Array.from({ length: files - first + 1 }, (_, n) => `new ${first + n}`);
  const arrived = (): string[] => sink.texts().filter((text) => Number(text.slice(4)) >= first);
  await sink.until(() => arrived().length >= expected.length, `${expected.length} files`);
  assert.deepEqual(arrived().toSorted(), expected.toSorted());
});

/** Resolves once exactly these lines have arrived behind those that had before. */
async function arrives(sink: Sink, before: number, expected: readonly string[]): Promise<void> {
  const arrived = (): string[] => sink.texts().slice(before);
  await sink.until(() => arrived().length >= expected.length, `${expected.map((text) => text.slice(0, 20))}`);
  assert.deepEqual(arrived().toSorted(), expected.toSorted());
}
