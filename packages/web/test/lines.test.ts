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

  describe("lines", () => {
    it("appear as they arrive, after those that were there", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([makeLine(1, now - 2000), makeLine(2, now - 1000)]);
      await using open = await OpenPage.open(browser, api);
      await open.row("line number 2");
      await open.page.locator(".status-live").waitFor();
      api.emit([makeLine(3, Date.now())]);
      await open.row("line number 3");
      const texts = await open.page.locator(".row-text").allTextContents();
      assert.deepEqual(texts, ["line number 1", "line number 2", "line number 3"]);
    });

    it("are text, whatever they contain", async () => {
      const hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
        '"><svg/onload=alert(3)>',
        "javascript:alert(4)",
        "\u001b]8;;javascript:alert(5)\u0007click\u001b]8;;\u0007 \u001b[31mred\u001b[0m",
        "nul \u0000 cr \r bell \u0007 turn \u202e around",
      ];
      const now = Date.now();
      await using api = await FakeApi.start([]);
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      api.emit(
        hostile.map((line, i) =>
          makeLine(i, now + i, {
            line,
            host: line,
            app: line,
            file: line,
            level: line,
            tags: [line],
            meta: JSON.stringify({ [line]: line }),
            label: { [line]: line },
          }),
        ),
      );
      await open.row("around");
      const texts = await open.page.locator(".row-text").allTextContents();
      assert.deepEqual(texts.slice(0, 4), hostile.slice(0, 4));
      assert.equal(texts[4], "click red");
      assert.equal(texts[5], "nul ⟨NUL⟩ cr ⟨CR⟩ bell ⟨BEL⟩ turn ⟨U+202E⟩ around");
      assert.equal(await open.page.locator(".row .ansi-1").textContent(), "red");
      for (let i = 0; i < hostile.length; i++) {
        await open.page.locator(".row").nth(i).click();
        await open.page.locator(".detail-line").waitFor();
      }
      // The panel of filters shows the same values once it is refreshed.
      await open.page.reload();
      await open.page.locator(".facet-value", { hasText: "<script>" }).first().waitFor();
      assert.equal(await open.page.locator("#page script, #page img").count(), 0);
    });

    it("of a megabyte are cut in the list and whole in the detail", async () => {
      const long = `begin ${"x".repeat(1024 * 1024)} end`;
      await using api = await FakeApi.start([makeLine(1, Date.now(), { line: long })]);
      await using open = await OpenPage.open(browser, api);
      await open.row("begin");
      const shown = (await open.page.locator(".row-text").textContent()) ?? "";
      assert.ok(shown.length < 2000 && shown.endsWith("…"), `${shown.length} characters in the row`);
      await open.page.locator(".row").click();
      // The list holds its beginning alone.
      await open.page.locator(".detail-line", { hasText: /x end$/ }).waitFor();
      assert.equal(await open.page.locator(".detail-line").textContent(), long);
    });

    it("stay where they are while scrolled up, and a button leads to the new ones", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(sampleLines(200, now, 1000));
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      await open.page.locator(".row").first().waitFor();
      const list = open.page.locator(".list-scroll");
      await list.hover();
      const bottom = await list.evaluate((element) => element.scrollTop);
      await open.page.mouse.wheel(0, -1000);
      // The browser may scroll smoothly.
      await open.page.waitForFunction(
        (end) => document.querySelector(".list-scroll")?.scrollTop === end,
        bottom - 1000,
      );
      await open.page.locator(".jump").waitFor();
      const top = () =>
        open.page.evaluate(() => {
          const box = document.querySelector(".list-scroll")?.getBoundingClientRect();
          return document.elementFromPoint((box?.x ?? 0) + 200, (box?.y ?? 0) + 100)?.closest(".row")?.textContent;
        });
      const seen = await top();
      assert.ok(seen);
      api.emit(Array.from({ length: 70 }, (_, i) => makeLine(5000 + i, now + i)));
      await open.page.getByText("70 new lines").waitFor();
      assert.equal(await top(), seen);
      await open.page.getByText("70 new lines").click();
      await open.row("line number 5069");
      assert.equal(await open.page.locator(".jump").count(), 0);
    });

    it("are followed although the list becomes lower while it scrolls to its end", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(sampleLines(200, now, 1000));
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      await open.page.locator(".row").first().waitFor();
      // What is above it grows, before the page hears of it.
      await open.page.evaluate(() => {
        const above = document.querySelector<HTMLElement>(".histogram");
        if (above !== null) above.style.paddingBottom = "60px";
        document.querySelector(".list-scroll")?.dispatchEvent(new Event("scroll"));
      });
      api.emit([makeLine(5000, now)]);
      await open.row("line number 5000");
      await open.page.locator(".status-live").waitFor();
    });

    it("have no button to the newest while all of them are in sight", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([makeLine(1, now - 2), makeLine(2, now - 1)]);
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      await open.page.keyboard.press("k");
      await open.page.getByText("Live, view held").waitFor();
      api.emit([makeLine(3, now)]);
      await open.row("line number 3");
      assert.equal(await open.page.locator(".jump").count(), 0);
      api.emit(Array.from({ length: 70 }, (_, i) => makeLine(100 + i, now + i)));
      await open.page.getByText("71 new lines").click();
      await open.row("line number 169");
      await open.page.locator(".jump").waitFor({ state: "detached" });
    });

    it("of the past are loaded by scrolling up, each once", async () => {
      const now = Date.now();
      const lines = Array.from({ length: 1000 }, (_, i) => makeLine(i, now - (1000 - i) * 500, { line: `n${i};` }));
      await using api = await FakeApi.start(lines);
      await using open = await OpenPage.open(browser, api);
      await open.row("n999;");
      const seen = new Set<string>();
      let before = 0;
      // Scrolls until the first line is there; each step waits for what it brings.
      while (!seen.has("n0;")) {
        await open.page.keyboard.press("g");
        await open.page.waitForFunction(
          (count) => {
            const loaded = Number(document.querySelector(".status-loaded")?.textContent?.replace(/\D/g, ""));
            return loaded > count || loaded === 1000;
          },
          before,
          { polling: "raf" },
        );
        before = Number((await open.page.locator(".status-loaded").textContent())?.replace(/\D/g, ""));
        for (const text of await open.page.locator(".row-text").allTextContents()) seen.add(text);
      }
      assert.equal(before, 1000);
      await open.page.keyboard.press("G");
      await open.row("n999;");
    });

    it("that arrived late are not shown again among those of their own time", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(Array.from({ length: 400 }, (_, i) => makeLine(i, now - (400 - i) * 500)));
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      await open.page.getByText("300 loaded").waitFor();
      api.emit([makeLine(1000, now - 190_000, { received: now })]);
      await open.row("line number 1000");
      await open.page.keyboard.press("g");
      await open.page.getByText("401 loaded").waitFor();
    });

    it("stay in order where more came in a moment than the first page holds", async () => {
      const now = Date.now();
      const lines = Array.from({ length: 1000 }, (_, i) =>
        makeLine(i, now - 500 + Math.floor(i / 4), { received: now }),
      );
      await using api = await FakeApi.start(lines);
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      await open.row("line number 999");
      api.emit([makeLine(1000, now)]);
      await open.row("line number 1000");
      await open.page.getByText("301 loaded").waitFor();
      assert.deepEqual(
        (await open.page.locator(".row-text").allTextContents()).slice(-4),
        [997, 998, 999, 1000].map((n) => `line number ${n}`),
      );
    });

    it("that came while the connection was down are filled in", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([makeLine(1, now - 1000)]);
      await using open = await OpenPage.open(browser, api);
      await open.row("line number 1");
      await open.page.locator(".status-live").waitFor();
      api.down = true;
      api.cutTails();
      await open.page.getByText("Disconnected, reconnecting…").waitFor();
      api.emit([makeLine(2, now + 1), makeLine(3, now + 2)]);
      api.down = false;
      await open.row("line number 3");
      await open.page.locator(".status-live").waitFor();
      api.emit([makeLine(4, now + 3)]);
      await open.row("line number 4");
      assert.deepEqual(
        await open.page.locator(".row-text").allTextContents(),
        [1, 2, 3, 4].map((n) => `line number ${n}`),
      );
    });

    it("that came while the connection was down are filled in although another host's clock is ahead", async () => {
      const now = Date.now();
      const ahead = makeLine(2, now + 300_000, { host: "ahead", received: now });
      await using api = await FakeApi.start([makeLine(1, now - 1000), ahead]);
      await using open = await OpenPage.open(browser, api);
      await open.row("line number 2");
      await open.page.locator(".status-live").waitFor();
      api.down = true;
      api.cutTails();
      await open.page.getByText("Disconnected, reconnecting…").waitFor();
      api.emit([makeLine(3, now + 1), makeLine(4, now - 60_000, { received: now + 2 })]);
      api.down = false;
      await open.row("line number 3");
      await open.page.getByText("4 loaded").waitFor();
      assert.deepEqual(
        await open.page.locator(".row-text").allTextContents(),
        [1, 2, 4, 3].map((n) => `line number ${n}`),
      );
    });

    it("that the server left out are counted in sight", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      await using open = await OpenPage.open(browser, api);
      await open.page.locator(".status-live").waitFor();
      await open.row("line number 1");
      api.skip(1234);
      await open.page.getByText("1,234 lines came too fast").waitFor();
      await open.page.getByText("load the newest").click();
      await open.page.getByText("1,234 lines came too fast").waitFor({ state: "detached" });
      await open.row("line number 1");
    });
  });

  describe("pausing", () => {
    it("holds the view still until resumed, then shows what came", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([makeLine(1, now)]);
      await using open = await OpenPage.open(browser, api);
      await open.row("line number 1");
      await open.page.locator(".status-live").waitFor();
      await open.page.keyboard.press("Space");
      await open.page.getByText("Paused").waitFor();
      api.emit([makeLine(2, now + 1), makeLine(3, now + 2)]);
      await open.page.getByText("3 loaded").waitFor();
      assert.deepEqual(await open.page.locator(".row-text").allTextContents(), ["line number 1"]);
      await open.page.getByRole("button", { name: "Resume" }).click();
      await open.row("line number 3");
      assert.equal(await open.page.locator(".row").count(), 3);
    });
  });
});
