import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { launch, noBrowser, OpenPage } from "./browser.ts";
import { FakeApi, makeLine, sampleLines } from "./fake_api.ts";

describe("the page", { skip: noBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  describe("searching and filtering", () => {
    it("searches history, goes on live with the same search, marks the words", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([
        makeLine(1, now - 3000, { line: "Disk full on sda" }),
        makeLine(2, now - 2000, { line: "all is well" }),
      ]);
      await using open = await OpenPage.open(browser, api);
      await open.row("all is well");
      await open.page.keyboard.press("/");
      await open.page.keyboard.type('"disk full"');
      await open.page.keyboard.press("Enter");
      await open.page.locator(".row", { hasText: "all is well" }).waitFor({ state: "detached" });
      await open.row("Disk full on sda");
      assert.equal(open.address, "/?q=%22disk+full%22");
      assert.deepEqual(await open.page.locator(".row mark").allTextContents(), ["Disk full"]);
      await open.page.locator(".status-live").waitFor();
      api.emit([makeLine(3, now, { line: "nothing" }), makeLine(4, now + 1, { line: "DISK FULL again" })]);
      await open.row("DISK FULL again");
      assert.equal(await open.page.locator(".row").count(), 2);
      await open.page.goBack();
      await open.row("nothing");
    });

    it("filters by counted values, several of a field at once", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(
        Array.from({ length: 9 }, (_, i) => makeLine(i, now - 100 + i, { host: `web-${i % 3}` })),
      );
      await using open = await OpenPage.open(browser, api);
      const value = (name: string) => open.page.locator(".facet-value", { hasText: name });
      await value("web-1").waitFor();
      assert.match((await value("web-1").textContent()) ?? "", /3$/);
      await value("web-1").click();
      await open.page.waitForFunction(() => document.querySelectorAll(".row").length === 3);
      await value("web-2").click();
      await open.page.waitForFunction(() => document.querySelectorAll(".row").length === 6);
      assert.equal(open.address, "/?host=web-1&host=web-2");
      await value("web-0").waitFor();
      await open.page.getByRole("button", { name: "Remove host web-1" }).click();
      await open.page.waitForFunction(() => document.querySelectorAll(".row").length === 3);
      assert.equal(open.address, "/?host=web-2");
    });

    it("says when nothing matches, and offers the way out", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      await using open = await OpenPage.open(browser, api, { path: "/?q=absent" });
      await open.page.getByText("No line matches").waitFor();
      await open.page.getByRole("button", { name: "Clear search and filters" }).click();
      await open.row("line number 1");
      assert.equal(await open.page.getByLabel("Search", { exact: true }).inputValue(), "");
    });
  });

  describe("the histogram", () => {
    it("shows the time of a clicked column, and of a drag", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(sampleLines(900, now, 1000));
      await using open = await OpenPage.open(browser, api);
      const plot = open.page.locator(".u-over");
      await plot.waitFor();
      await plot.click({ position: { x: 500, y: 30 } });
      await open.page.getByText("Not live").waitFor();
      const range = () => {
        const params = new URLSearchParams(open.address.slice(1));
        return [Number(params.get("from")), Number(params.get("to"))] as const;
      };
      const [from, to] = range();
      assert.ok(to > from && to - from <= 15_000, `one column of 15 minutes: ${to - from} ms`);
      await open.page.waitForFunction(() => document.querySelectorAll(".row").length > 0);
      const inside = api.lines.filter((line) => line.timestamp >= from && line.timestamp < to);
      await open.page.waitForFunction((count) => document.querySelectorAll(".row").length === count, inside.length);

      await open.page.goBack();
      await open.page.locator(".status-live").waitFor();
      const box = await plot.boundingBox();
      assert.ok(box);
      await open.page.mouse.move(box.x + 200, box.y + 30);
      await open.page.mouse.down();
      await open.page.mouse.move(box.x + 600, box.y + 30, { steps: 8 });
      await open.page.mouse.up();
      await open.page.getByText("Not live").waitFor();
      const [dragFrom, dragTo] = range();
      assert.ok(Math.abs((dragTo - dragFrom) / 900_000 - 400 / box.width) < 0.02, `${dragTo - dragFrom} ms`);
      await open.page.getByRole("button", { name: "Back to live" }).click();
      await open.page.locator(".status-live").waitFor();
      assert.equal(open.address, "/");
    });
  });

  describe("permalinks", () => {
    it("open their line among its neighbours, whatever its age", async () => {
      const now = Date.now();
      const lines = Array.from({ length: 2000 }, (_, i) => makeLine(i, now - (2000 - i) * 60_000, { line: `n${i};` }));
      await using api = await FakeApi.start(lines);
      await using open = await OpenPage.open(browser, api, { path: "/?host=web-1&line=id-700" });
      await open.page.locator(".detail-line", { hasText: "n700;" }).waitFor();
      assert.equal(await open.page.locator('.row[aria-selected="true"] .row-text').textContent(), "n700;");
      assert.equal(await open.page.locator(".jump").count(), 0, "no way to the newest but the one out of the link");
      await open.row("n699;");
      await open.row("n701;");
      assert.ok(await open.page.locator('.row[aria-selected="true"]').isVisible());
      // Both directions go on.
      await open.page.locator(".list-scroll").evaluate((list) => list.scrollTo(0, list.scrollHeight));
      await open.page.waitForFunction(
        () => Number(document.querySelector(".status-loaded")?.textContent?.replace(/\D/g, "")) > 450,
      );
      await open.row("n849;");
    });

    it("are copied from the detail and lead back", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([
        makeLine(1, now, {
          meta: '{"a":{"b":[1,2]}}',
          label: { team: "shop" },
          annotation: { note: "n1" },
          env: "live",
        }),
      ]);
      await using open = await OpenPage.open(browser, api, { permissions: ["clipboard-read", "clipboard-write"] });
      await open.row("line number 1");
      await open.page.locator(".row").click();
      const detail = open.page.locator(".detail");
      for (const text of [
        "nginx",
        "/var/log/nginx/access.log",
        '"b": [',
        "team",
        "shop",
        "note",
        "live",
        "after 12 ms",
      ]) {
        await detail.getByText(text).first().waitFor();
      }
      await open.page.getByRole("button", { name: "Copy permalink" }).click();
      await open.page.getByText("Permalink copied").waitFor();
      const link = await open.page.evaluate(() => navigator.clipboard.readText());
      assert.equal(link, `${api.origin}/?line=id-1`);
      await open.page.getByRole("button", { name: "Copy line" }).click();
      await open.page.getByText("Line copied").waitFor();
      assert.equal(await open.page.evaluate(() => navigator.clipboard.readText()), "line number 1");
      await open.page.getByRole("button", { name: "Show around it" }).click();
      await open.page.getByText("Not live").waitFor();
      await open.page.locator(".jump").waitFor({ state: "detached" });
      assert.equal(open.page.url(), link);
      await open.page.goto(api.origin);
      await open.page.locator(".status-live").waitFor();
      await open.page.goto(link);
      await open.page.locator(".detail-line", { hasText: "line number 1" }).waitFor();
    });

    it("say when their line is gone", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      await using open = await OpenPage.open(browser, api, { path: "/?line=id-77" });
      await open.page.getByText("No lines could be shown").waitFor();
      await open.page.getByRole("button", { name: "Show live lines" }).click();
      await open.row("line number 1");
    });
  });
});
