import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, noBrowser, OpenPage } from "./browser.ts";
import { FakeApi, makeLine } from "./fake_api.ts";

describe("a page in a tab that is not seen", { skip: noBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  it("gives its live connection back, and shows what it missed when it is seen again", async () => {
    const now = Date.now();
    await using api = await FakeApi.start([makeLine(1, now - 1000)]);
    await using open = await OpenPage.open(browser, api);
    await open.page.clock.install();
    await open.page.reload();
    await open.row("line number 1");
    await open.page.locator(".status-live").waitFor();

    await see(open.page, false);
    await open.page.clock.fastForward(9000);
    api.emit([makeLine(2, now + 1)]);
    await open.page.getByText("2 loaded").waitFor();
    await see(open.page, true);
    await open.page.clock.fastForward(9000);
    assert.equal(api.tails, 1, "a glance at another tab cuts nothing");

    await see(open.page, false);
    await open.page.clock.fastForward(10_000);
    await api.until(() => api.tails === 0);
    api.emit([makeLine(3, now + 2), makeLine(4, now + 3)]);
    await see(open.page, true);
    await open.row("line number 4");
    await open.page.locator(".status-live").waitFor();
    api.emit([makeLine(5, now + 4)]);
    await open.row("line number 5");
    assert.deepEqual(
      await open.page.locator(".row-text").allTextContents(),
      [1, 2, 3, 4, 5].map((n) => `line number ${n}`),
    );
  });

  it("leaves connections for an eighth tab", async () => {
    await using api = await FakeApi.start([makeLine(1, Date.now())]);
    await using first = await OpenPage.open(browser, api);
    for (let tabs = 1; tabs < 8; tabs++) {
      await first.row("line number 1");
      const tab = await first.page.context().newPage();
      await tab.clock.install();
      await tab.goto(api.origin);
      await tab.locator(".status-live").waitFor();
      await see(tab, false);
      await tab.clock.fastForward(10_000);
      await api.until(() => api.tails === 1);
    }
  });
});

/** Tells a page that it is seen or not; without a screen, the browser never would. */
async function see(page: Page, seen: boolean): Promise<void> {
  await page.evaluate(
    (state) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      Object.defineProperty(document, "hidden", { configurable: true, get: () => state === "hidden" });
      document.dispatchEvent(new Event("visibilitychange"));
    },
    seen ? "visible" : "hidden",
  );
}
