import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { LinesAnswer } from "@logdna-agent/protocol";
import { makeDirectory, runProgram, type Server, startServer } from "./server.ts";

interface Batch {
  readonly id: string;
  readonly texts: readonly string[];
}

/** The texts of all lines, as often as they are stored. */
async function stored(server: Server): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: LinesAnswer = await server.read("/api/v1/lines", { limit: 5000, cursor });
    for (const { line } of page.lines) counts.set(line, (counts.get(line) ?? 0) + 1);
    cursor = page.next;
  }
  return counts;
}

test("kill -9 at any moment loses nothing that was answered with 200, and stores nothing twice", async (t) => {
  const dataDir = makeDirectory();
  const answered: Batch[] = [];
  let open: Batch[] = [];
  let made = 0;
  const make = (): Batch => {
    made += 1;
    const id = `batch-${made}`;
    return { id, texts: Array.from({ length: randomInt(1, 400) }, (_, n) => `${id} line ${n}`) };
  };

  for (let round = 0; round < 8; round += 1) {
    const server = await startServer(t, { dataDir });
    const before = await stored(server);
    for (const { texts } of answered) for (const text of texts) assert.equal(before.get(text), 1, text);

    // Four clients, each of which sends what had no answer before anything new.
    const killAfter = answered.length + randomInt(1, 40);
    const unanswered: Batch[] = [];
    const client = async (): Promise<void> => {
      for (;;) {
        const batch = open.pop() ?? make();
        try {
          const lines = batch.texts.map((line) => ({ line, app: "app" }));
          const { status } = await server.post({ lines }, { batch: batch.id });
          assert.equal(status, 200);
          answered.push(batch);
          if (answered.length === killAfter) await delay(randomInt(30)).then(() => server.stop("SIGKILL"));
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          unanswered.push(batch);
          return;
        }
      }
    };
    await Promise.all([client(), client(), client(), client()]);
    assert.equal(await server.ended, "SIGKILL");
    open = [...open, ...unanswered];
  }

  const server = await startServer(t, { dataDir });
  for (const { id, texts } of open)
    await server.store(
      "h",
      texts.map((line) => ({ line, app: "app" })),
      { batch: id },
    );
  const all = await stored(server);
  const sent = [...answered, ...open].flatMap(({ texts }) => texts);
  assert.equal(all.size, sent.length);
  for (const text of sent) assert.equal(all.get(text), 1, text);
  t.diagnostic(`${answered.length} batches answered, ${sent.length} lines`);
});

test("SIGTERM under load: what was answered is there, and the exit status is 0", async (t) => {
  const dataDir = makeDirectory();
  const first = await startServer(t, { dataDir });
  const answered: string[] = [];
  const client = async (name: string): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const line = `${name}-${n}`;
      const answer = await first.post({ lines: [{ line, app: "app" }] }).catch(() => undefined);
      if (answer === undefined || answer.status === 503) return;
      assert.equal(answer.status, 200);
      answered.push(line);
      if (answered.length === 20) first.child.kill("SIGTERM");
    }
  };
  await Promise.all(["a", "b", "c", "d"].map(client));
  assert.equal(await first.ended, 0);
  const texts = new Set(await (await startServer(t, { dataDir })).texts({ host: "h" }));
  assert.ok(answered.length >= 20);
  for (const line of answered) assert.ok(texts.has(line), line);
});

test("a second server on the same directory is refused, and the first goes on", async (t) => {
  const dataDir = makeDirectory();
  const first = await startServer(t, { dataDir });
  const second = await runProgram(t, ["--data-dir", dataDir, "--listen", "127.0.0.1:0"]);
  assert.equal(second.status, 1);
  assert.equal(second.stdout, "");
  assert.ok(
    second.stderr.endsWith(
      `logdna-ingester: Another ingestion server, process ${first.child.pid}, is using ${dataDir}/store. Stop it first, or give this one another directory with --data-dir.\n`,
    ),
    second.stderr,
  );
  await first.store("h", [{ line: "still here", app: "app" }]);
  assert.deepEqual(await first.texts({ host: "h" }), ["still here"]);
  await first.stop();
  const third = await startServer(t, { dataDir });
  assert.deepEqual(await third.texts({ host: "h" }), ["still here"]);
});
