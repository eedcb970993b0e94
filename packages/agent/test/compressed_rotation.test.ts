import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

/** What happens to a log while the agent does not look. */
type Rotation = (log: string) => void;

const rotations: Readonly<Record<string, Rotation>> = {
  "create and compress": (log) => {
    renameSync(log, `${log}.1`);
    writeFileSync(log, "");
    compress(`${log}.1`, "gz");
  },
  "create and compress with zstd": (log) => {
    renameSync(log, `${log}-20260102`);
    writeFileSync(log, "");
    compress(`${log}-20260102`, "zst");
  },
  "copy, truncate and compress": (log) => {
    copyFileSync(log, `${log}.1`);
    truncateSync(log);
    compress(`${log}.1`, "gz");
  },
};

function compress(path: string, extension: "gz" | "zst"): void {
  const bytes = readFileSync(path);
  writeFileSync(`${path}.${extension}`, extension === "gz" ? gzipSync(bytes) : zstdCompressSync(bytes));
  unlinkSync(path);
}

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  readonly log: string;
}

/** An agent that has read 2,000 lines of a log, beside which there are older compressed logs that begin in the same way. */
async function bench(t: TestContext): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "app.log");
  const banner = `# ${"banner ".repeat(300)}\n`;
  writeFileSync(`${log}.2.gz`, gzipSync(`${banner}${"older line\n".repeat(5000)}`));
  writeFileSync(`${log}.3.gz`, "not compressed at all");
  const agent = await startedAgent(t, { place, port: sink.port });
  writeFileSync(log, `${banner}${numbers(0, 2000)}`);
  await sink.until(() => sink.texts().length === 2001);
  return { place, sink, agent, log };
}

function numbers(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join("");
}

async function everyLineOnce(sink: Sink, count: number): Promise<void> {
  const seen = (): string[] => sink.texts().filter((text) => text.startsWith("line "));
  await sink.until(() => seen().length >= count, `${count} lines`);
  const numbered = seen().map((text) => Number(text.slice(5)));
  assert.deepEqual(
    numbered.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  );
  assert.ok(!sink.texts().includes("older line"));
}

for (const [name, rotate] of Object.entries(rotations)) {
  test(`${name} while the agent is down: what was not read is read from the compressed file`, async (t) => {
    const { place, sink, agent, log } = await bench(t);
    assert.equal(await agent.stop(), 0);
    appendFileSync(log, numbers(2000, 5000));
    rotate(log);
    appendFileSync(log, numbers(5000, 5010));
    const again = await startedAgent(t, { place, port: sink.port });
    await everyLineOnce(sink, 5010);
    assert.equal(await again.stop(), 0);
    // What was restored is known as read: nothing of it comes again.
    const third = await startedAgent(t, { place, port: sink.port });
    appendFileSync(log, numbers(5010, 5020));
    await everyLineOnce(sink, 5020);
    assert.equal(await third.stop(), 0);
  });

  test(`${name} while the agent stands still: what was not read is read from the compressed file`, async (t) => {
    const { sink, agent, log } = await bench(t);
    agent.child.kill("SIGSTOP");
    appendFileSync(log, numbers(2000, 5000));
    rotate(log);
    appendFileSync(log, numbers(5000, 5010));
    agent.child.kill("SIGCONT");
    await everyLineOnce(sink, 5010);
    assert.equal(await agent.stop(), 0);
  });
}

test("a crash while a compressed file is being sent loses nothing", async (t) => {
  const { place, sink, agent, log } = await bench(t);
  assert.equal(await agent.stop(), 0);
  const filler = " x".repeat(400);
  appendFileSync(log, numbers(2000, 20_000).replaceAll("\n", `${filler}\n`));
  rotations["create and compress"]?.(log);
  let served = 0;
  sink.behave((_, response) => {
    served += 1;
    if (served <= 2) return false;
    response.writeHead(503).end();
    return true;
  });
  const again = await startedAgent(t, { place, port: sink.port });
  await sink.until(() => served > 3, "attempts after the first two");
  assert.equal(await again.stop("SIGKILL"), "SIGKILL");
  sink.behave(undefined);
  await startedAgent(t, { place, port: sink.port });
  const seen = (): Set<number> =>
    new Set(sink.texts().flatMap((text) => (text.startsWith("line ") ? [Number(text.split(" ")[1])] : [])));
  await sink.until(() => seen().size === 20_000, "20,000 lines");
});
