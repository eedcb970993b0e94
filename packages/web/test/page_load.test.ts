import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoredLine } from "@logdna-agent/protocol";
import { launch, noBrowser, OpenPage } from "./browser.ts";
import { FakeApi, makeLine } from "./fake_api.ts";

const RATE = 5000;
const SECONDS = 5;
/** Lines a message, as a server gathers them for some milliseconds. */
const BURST = 100;

declare global {
  interface Window {
    /** Times at which a message with lines arrived, by the id of its last line. */
    arrived: Map<string, number>;
    /** From arrival to the first moment after a frame with the row, in milliseconds. */
    painted: number[];
    longestGap: number;
    frameCount: number;
  }
}

describe("the page under load", { skip: noBrowser }, () => {
  it(`shows ${RATE} lines/s without freezing, and stays in bounded memory`, async (t) => {
    const browser = await launch();
    try {
      await using api = await FakeApi.start([makeLine(0, Date.now() - 1000)]);
      await using open = await OpenPage.open(browser, api);
      await open.row("line number 0");
      await open.page.locator(".status-live").waitFor();
      await open.page.evaluate(observe);
      // The machine may be busy with something else for a moment: a page that freezes fails every time.
      let total = 0;
      let last = await run(open, api, total);
      for (let attempt = 1; attempt < 3 && (last.behind >= 500 || last.gap >= 500 || last.painted <= 50); attempt++) {
        total += RATE * SECONDS;
        last = await run(open, api, total);
      }
      total += RATE * SECONDS;
      t.diagnostic(
        `${RATE * SECONDS} lines in ${SECONDS} s; ${last.frames} frames, longest gap ${last.gap.toFixed(0)} ms; the newest line ${last.behind.toFixed(0)} ms after it was sent; ` +
          `arrival to painted row: median ${last.median.toFixed(1)} ms, worst ${last.worst.toFixed(1)} ms of ${last.painted}`,
      );
      assert.ok(last.behind < 500, `the newest line came ${last.behind} ms after it was sent`);
      assert.ok(last.gap < 500, `the page stood still for ${last.gap} ms`);
      assert.ok(last.painted > 50, `${last.painted} messages were seen painted`);
      assert.ok((await open.page.locator(".row").count()) < 100, "only rows in sight are in the document");

      // Twice as much as is held: the oldest lines leave.
      api.emit(
        Array.from({ length: 30_000 }, (_, i) => makeLine(total + i + 1, Date.now(), { line: `n${total + i + 1};` })),
      );
      await open.row(`n${total + 30_000};`);
      await open.page.getByText("50,000 loaded").waitFor();

      // What left is read again, without a gap where memory had ended.
      await open.page.keyboard.press("g");
      await open.page.waitForFunction(() => (document.querySelector(".list-scroll")?.scrollTop ?? 0) > 0);
      const numbers = (await open.page.locator(".row-text").allTextContents()).map((text) =>
        Number(/n(\d+);/.exec(text)?.[1]),
      );
      assert.ok(numbers.length > 30);
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => total + 30_000 - 50_000 + 1 + i - numbers.indexOf(total + 30_000 - 50_000 + 1)),
      );
      await open.page.keyboard.press("G");
      await open.row(`n${total + 30_000};`);

      // Held: what is read stays, although memory is full.
      await open.page.keyboard.press("k");
      const text = await open.page.locator('.row[aria-selected="true"]').textContent();
      const place = async () => (await open.page.locator('.row[aria-selected="true"]').boundingBox())?.y;
      const y = await place();
      api.emit(Array.from({ length: 2000 }, (_, i) => makeLine(990_000 + i, Date.now(), { line: `m${i};` })));
      await open.page.getByText("2K new lines").waitFor();
      assert.equal(await open.page.locator('.row[aria-selected="true"]').textContent(), text);
      assert.equal(await place(), y);
      await open.page.keyboard.press("G");
      await open.row("m1999;");
    } finally {
      await browser.close();
    }
  });
});

interface Run {
  /** From sending the last line to its row, in milliseconds; likewise the others. */
  readonly behind: number;
  readonly gap: number;
  readonly median: number;
  readonly worst: number;
  readonly frames: number;
  readonly painted: number;
}

/** Sends lines numbered from `first` + 1 at the rate, and measures what the page does meanwhile. */
async function run(open: OpenPage, api: FakeApi, first: number): Promise<Run> {
  await open.page.evaluate(() => {
    window.painted = [];
    window.longestGap = 0;
    window.frameCount = 0;
  });
  const total = RATE * SECONDS;
  const begun = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - begun) / 1000) * RATE));
    for (; sent + BURST <= due; sent += BURST) api.emit(burst(first + sent + 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const last = performance.now();
  await open.row(`n${first + total};`);
  const behind = performance.now() - last;
  const { gap, frames, painted } = await open.page.evaluate(() => ({
    gap: window.longestGap,
    frames: window.frameCount,
    painted: window.painted.toSorted((a, b) => a - b),
  }));
  const median = painted[Math.floor(painted.length / 2)] ?? Number.NaN;
  return { behind, gap, frames, median, worst: painted.at(-1) ?? Number.NaN, painted: painted.length };
}

function burst(first: number): readonly StoredLine[] {
  const now = Date.now();
  return Array.from({ length: BURST }, (_, i) =>
    makeLine(first + i, now, {
      host: `web-${i % 7}`,
      level: i % 11 === 0 ? "error" : "info",
      line: `10.0.0.${i} "GET /api/orders/${first + i}/items?page=${i} HTTP/1.1" 200 18842 "-" "agent/1.0" ${i}ms n${first + i};`,
    }),
  );
}

/** Measures frames, and arrival to paint; runs in the browser. */
function observe(): void {
  window.arrived = new Map();
  window.painted = [];
  window.longestGap = 0;
  window.frameCount = 0;
  // The page's own parsing of a message is where its lines arrive; a message event itself reaches only its listeners.
  const parse = JSON.parse;
  JSON.parse = (text: string, reviver?: (this: unknown, key: string, value: unknown) => unknown): unknown => {
    const at = performance.now();
    const value: unknown = parse(text, reviver);
    if (Array.isArray(value)) window.arrived.set(String((value.at(-1) as { line: string }).line.split(" ").at(-1)), at);
    return value;
  };
  let before = performance.now();
  const frame = (): void => {
    const now = performance.now();
    window.longestGap = Math.max(window.longestGap, now - before);
    window.frameCount += 1;
    before = now;
    // After the frame's drawing: the first task that follows it.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const done = performance.now();
      const text = [...document.querySelectorAll(".row-text")].at(-1)?.textContent?.split(" ").at(-1) ?? "";
      const at = window.arrived.get(text);
      if (at !== undefined) {
        window.painted.push(done - at);
        window.arrived.clear();
      }
    };
    channel.port2.postMessage(null);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
