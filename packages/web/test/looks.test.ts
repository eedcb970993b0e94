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
