import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { launch, noBrowser } from "./browser.ts";

const START = join(import.meta.dirname, "..", "..", "..", "scripts", "start.ts");
const ROUNDS = 20;
/** What a person takes for "at once", in milliseconds. */
const AT_ONCE_MS = 300;

interface System {
  readonly url: string;
  readonly token: string;
  readonly logs: string;
  stop(): Promise<number | null>;
}

/** Starts everything as `npm start` does, with directories of its own. */
async function startSystem(t: TestContext): Promise<System> {
  const root = mkdtempSync(join(tmpdir(), "system-"));
  process.on("exit", () => rmSync(root, { recursive: true, force: true }));
  const logs = join(root, "logs");
  mkdirSync(logs);
  const data = join(root, "data");
  // Whoever has agents of another server configured in the shell does not want this one's logs there.
  const env = { ...process.env, MZ_HOST: "elsewhere.invalid", LOGDNA_INGESTION_KEY: "of another server" };
  const child = spawn(process.execPath, [START, "--port", "0", "--data", data, "--log-dirs", logs], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const stop = (): Promise<number | null> => {
    child.kill("SIGINT");
    return ended;
  };
  t.after(stop);
  let said = "";
  for await (const chunk of child.stdout) {
    said += chunk;
    if (said.includes("Ctrl-C")) break;
  }
  const url = /The page:\s+(\S+)/.exec(said)?.[1];
  const tokenFile = /the token in (\S+)/.exec(said)?.[1];
  assert.ok(url !== undefined && tokenFile !== undefined, said);
  const token = readFileSync(tokenFile, "utf8").trim();
  assert.ok(!said.includes(token), "the token shows on a terminal alone");
  assert.equal(new URL(url).protocol, "https:");
  return { url, token, logs, stop };
}

declare global {
  interface Window {
    /** When a row with a text was first in the document, by the text. */
    seen: Map<string, number>;
  }
}

/** Notes when each row appears; runs in the page. */
function noteRows(): void {
  window.seen = new Map();
  new MutationObserver(() => {
    for (const row of document.querySelectorAll(".row-text")) {
      const text = row.textContent ?? "";
      if (!window.seen.has(text)) window.seen.set(text, Date.now());
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}

async function row(page: Page, text: string): Promise<void> {
  await page.locator(".row-text", { hasText: text }).first().waitFor();
}

test("a line appended to a file that only its owner may read is in the browser at once, over HTTPS, and found by search", {
  skip: noBrowser,
}, async (t) => {
  const system = await startSystem(t);
  const browser = await launch();
  t.after(() => browser.close());
  // The private authority is this test's own; what the browser would say of it is not what is tested.
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const wrong: string[] = [];
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  await page.goto(`${system.url}/#token=${system.token}`);
  await page.locator(".status-live").waitFor();
  await page.evaluate(noteRows);

  const log = join(system.logs, "secret.log");
  writeFileSync(log, "the first line\n", { mode: 0o600 });
  assert.equal(statSync(log).mode & 0o777, 0o600);
  await row(page, "the first line");

  const delays: number[] = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    const text = `line ${n} of ${ROUNDS};`;
    const begun = Date.now();
    appendFileSync(log, `${text}\n`);
    await row(page, text);
    const seen = await page.evaluate((which) => window.seen.get(which), text);
    assert.ok(seen !== undefined);
    delays.push(seen - begun);
  }
  delays.sort((a, b) => a - b);
  const median = delays[ROUNDS / 2] ?? Number.NaN;
  t.diagnostic(`append to visible: median ${median} ms, worst ${delays.at(-1)} ms of ${ROUNDS}`);
  assert.ok(median <= AT_ONCE_MS, `median ${median} ms`);

  appendFileSync(log, "<script>alert(1)</script><img src=x onerror=alert(2)> stays text\n");
  await row(page, "<script>alert(1)</script>");
  assert.deepEqual(wrong, []);
  const answer = await page.request.get(`${system.url}/api/v1/lines?q=${encodeURIComponent('"line 7 of"')}&limit=10`);
  const { lines } = (await answer.json()) as { lines: { line: string; file: string }[] };
  assert.deepEqual(
    lines.map(({ line, file }) => [line, file]),
    [[`line 7 of ${ROUNDS};`, log]],
  );
  assert.equal(await system.stop(), 0);
});
