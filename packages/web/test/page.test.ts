import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { launch, noBrowser, OpenPage } from "./browser.ts";
import { FakeApi, makeLine, sampleLines, TOKEN } from "./fake_api.ts";

describe("the page", { skip: noBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  describe("signing in", () => {
    it("takes the token of a link and removes it from the address", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      await using open = await OpenPage.open(browser, api, { path: "/?level=info" });
      await open.row("line number 1");
      assert.equal(open.address, "/?level=info");
      assert.ok(api.requests.every((path) => !path.includes(TOKEN)));
      await open.page.goBack();
      assert.ok(!open.page.url().includes(TOKEN), "nor does the history keep it");
      await open.page.goForward();
      await open.row("line number 1");
    });

    it("asks for the token, says when it is wrong, and stays signed in", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      await using open = await OpenPage.open(browser, api, { signedIn: false });
      await open.page.getByLabel("Read token").fill("something else");
      await open.page.getByRole("button", { name: "Sign in" }).click();
      await open.page.getByText("does not know this token").waitFor();
      await open.page.getByLabel("Read token").fill(TOKEN);
      await open.page.keyboard.press("Enter");
      await open.row("line number 1");
      await open.page.reload();
      await open.row("line number 1");
      assert.ok(await open.page.evaluate((token) => !JSON.stringify({ ...localStorage }).includes(token), TOKEN));
    });
  });

  describe("trouble", () => {
    it("asks for the token again when the session ends, and returns to the view", async () => {
      const now = Date.now();
      await using api = await FakeApi.start([makeLine(1, now), makeLine(2, now + 1, { level: "error" })]);
      await using open = await OpenPage.open(browser, api, { path: "/?level=error" });
      await open.row("line number 2");
      await open.page.locator(".status-live").waitFor();
      api.forgetful = true;
      api.cutTails();
      await open.page.getByLabel("Read token").fill(TOKEN);
      await open.page.keyboard.press("Enter");
      await open.row("line number 2");
      assert.equal(open.address, "/?level=error");
      assert.equal(await open.page.locator(".row").count(), 1);
      await open.page.locator(".status-live").waitFor();
    });

    it("says what the server said, and tries again", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      api.broken = true;
      await using open = await OpenPage.open(browser, api);
      await open.page.getByText("the server answered 500: the store does not answer").waitFor();
      api.broken = false;
      await open.page.getByRole("button", { name: "Try again" }).click();
      await open.row("line number 1");
    });
  });

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
      assert.equal((await open.page.locator(".detail-line").textContent())?.length, long.length);
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

  describe("the keyboard", () => {
    it("moves through lines, opens and closes them, and shows the help", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(Array.from({ length: 100 }, (_, i) => makeLine(i, now - 100 + i)));
      await using open = await OpenPage.open(browser, api);
      const { keyboard } = open.page;
      const selected = () => open.page.locator('.row[aria-selected="true"] .row-text').textContent();
      await open.row("line number 99");
      await keyboard.press("k");
      assert.equal(await selected(), "line number 99");
      await keyboard.press("k");
      await keyboard.press("ArrowUp");
      await keyboard.press("j");
      assert.equal(await selected(), "line number 98");
      await keyboard.press("Enter");
      await open.page.locator(".detail-line", { hasText: "line number 98" }).waitFor();
      await keyboard.press("k");
      await open.page.locator(".detail-line", { hasText: "line number 97" }).waitFor();
      await keyboard.press("Escape");
      await open.page.locator(".detail").waitFor({ state: "detached" });
      for (let i = 0; i < 60; i++) await keyboard.press("k");
      assert.equal(await selected(), "line number 37");
      assert.ok(await open.page.locator('.row[aria-selected="true"]').isVisible());
      await keyboard.press("?");
      await open.page.getByRole("dialog", { name: "Keys and search terms" }).waitFor();
      await keyboard.press("Escape");
      await open.page.getByRole("dialog").waitFor({ state: "hidden" });
      await keyboard.press("/");
      await keyboard.type("jk ?");
      assert.equal(await open.page.getByLabel("Search", { exact: true }).inputValue(), "jk ?");
    });
  });

  describe("colours", () => {
    it("follow the system, and a choice that is remembered", async () => {
      await using api = await FakeApi.start([makeLine(1, Date.now())]);
      await using open = await OpenPage.open(browser, api, { colorScheme: "dark" });
      await open.row("line number 1");
      const ground = () => open.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const dark = await ground();
      await open.page.getByRole("button", { name: "Colours: as the system" }).click();
      const light = await ground();
      assert.notEqual(light, dark);
      await open.page.reload();
      await open.row("line number 1");
      assert.equal(await ground(), light);
      await open.page.getByRole("button", { name: "Colours: light" }).click();
      assert.equal(await ground(), dark);
    });

    it("reach a contrast of 4.5:1 for all text, light and dark", async () => {
      const now = Date.now();
      await using api = await FakeApi.start(sampleLines(60, now, 1000));
      for (const colorScheme of ["light", "dark"] as const) {
        await using open = await OpenPage.open(browser, api, { colorScheme, path: "/?q=a" });
        await open.page.locator(".row mark").first().waitFor();
        await open.page.locator(".facet-count").first().waitFor();
        await open.page.locator(".row").nth(10).click();
        await open.page.locator(".detail-line").waitFor();
        assert.deepEqual(await open.page.evaluate(lowContrasts), []);
      }
    });
  });

  it("fits a screen of 360 pixels", async () => {
    await using api = await FakeApi.start(sampleLines(300, Date.now(), 1000));
    await using open = await OpenPage.open(browser, api, { viewport: { width: 360, height: 640 } });
    await open.page.locator(".row").first().waitFor();
    const wide = () => open.page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(await wide(), 360);
    await open.page.getByRole("button", { name: "Filters", exact: true }).click();
    await open.page.locator(".facets-open").waitFor();
    await open.page.keyboard.press("Escape");
    await open.page.locator(".facets-open").waitFor({ state: "detached" });
    await open.page.locator(".row").nth(9).click();
    await open.page.locator(".detail-line").waitFor();
    assert.equal(await wide(), 360);
  });
});

/** Texts in the document whose colour is too near to their ground's (WCAG 2, 1.4.3); runs in the browser. */
function lowContrasts(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (canvas === null) return ["no canvas"];
  const rgb = (colour: string): number[] => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (parts: number[]): number => {
    const [r = 0, g = 0, b = 0] = parts
      .slice(0, 3)
      .map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const parts = rgb(getComputedStyle(at).backgroundColor);
      if (parts[3] === 255) return parts;
    }
    return [255, 255, 255, 255];
  };
  const low = new Set<string>();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const element = node.parentElement;
    if (
      element === null ||
      node.textContent?.trim() === "" ||
      element.closest(".unseen, noscript, dialog:not([open])")
    ) {
      continue;
    }
    const a = luminance(rgb(getComputedStyle(element).color));
    const b = luminance(ground(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.add(`${element.className}: ${ratio.toFixed(2)} "${node.textContent?.slice(0, 20)}"`);
  }
  return [...low];
}
