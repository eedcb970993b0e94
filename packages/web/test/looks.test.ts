import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { LEVELS } from "@logdna-agent/protocol";
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

    it("tell all levels apart, light and dark", async () => {
      await using api = await FakeApi.start(
        [...LEVELS, "other"].map((level, i) => makeLine(i, Date.now() - i, { level })),
      );
      for (const colorScheme of ["light", "dark"] as const) {
        await using open = await OpenPage.open(browser, api, { colorScheme });
        await open.page.locator(".swatch.level-trace").waitFor();
        const colours = await open.page
          .locator(".swatch")
          .evaluateAll((swatches) =>
            swatches.map((swatch) =>
              (getComputedStyle(swatch, "::before").backgroundColor.match(/\d+/g) ?? []).map(Number),
            ),
          );
        assert.equal(colours.length, 7);
        for (const [i, a] of colours.entries())
          for (const b of colours.slice(i + 1))
            assert.ok(Math.hypot(...a.map((part, n) => part - (b[n] ?? 0))) > 32, `${colorScheme}: ${a} and ${b}`);
      }
    });
  });

  describe("the legend of the histogram", () => {
    for (const [what, width, detail] of [
      ["on a wide screen", 1280, false],
      ["beside an open line", 1280, true],
      ["on a screen of 800 pixels", 800, false],
      ["on a screen of 360 pixels", 360, false],
    ] as const) {
      it(`shows every level ${what}, and stays as high when a column is pointed at`, async () => {
        const lines = [...LEVELS, "other"].flatMap((level, i) =>
          Array.from({ length: 1500 }, (_, n) => makeLine(i * 2000 + n, Date.now() - n * 200, { level })),
        );
        await using api = await FakeApi.start(lines);
        await using open = await OpenPage.open(browser, api, { viewport: { width, height: 800 } });
        await open.page.locator(".swatch.level-trace").waitFor();
        if (detail) await open.page.locator(".row").last().click();
        const head = open.page.locator(".histogram-head");
        const cut = await head.evaluate((element) => {
          const box = element.getBoundingClientRect();
          return [...element.querySelectorAll(".swatch")]
            .filter((swatch) => {
              const inner = swatch.getBoundingClientRect();
              return inner.width === 0 || inner.bottom > box.bottom + 1 || inner.right > box.right + 1;
            })
            .map((swatch) => swatch.textContent);
        });
        assert.deepEqual(cut, []);
        const before = await head.boundingBox();
        const plot = await open.page.locator(".u-over").boundingBox();
        assert.ok(plot && before);
        const span = await open.page.locator(".histogram-span").textContent();
        await open.page.mouse.move(plot.x + plot.width - 20, plot.y + 30);
        await open.page.waitForFunction(
          (whole) => document.querySelector(".histogram-span")?.textContent !== whole,
          span,
        );
        assert.equal((await head.boundingBox())?.height, before.height);
      });
    }
  });

  describe("names of files", () => {
    it("show their end after an ellipsis, character for character", async () => {
      const long = "/srv/orders/shared/releases/20261124/log/a-rather-long-name-of-a-file.production.log";
      const hidden = "/.cache/.x/";
      await using api = await FakeApi.start(
        [long, hidden].map((file, i) => makeLine(i, Date.now() - i, { file, app: "" })),
      );
      await using open = await OpenPage.open(browser, api);
      for (const file of [long, hidden]) {
        const label = open.page.locator(`.facet-value[title^="${file}"]`);
        await label.waitFor();
        const name = label.locator(".facet-path");
        assert.equal(await name.textContent(), file);
        const { box, chars, ellipsis } = await name.evaluate(characters);
        assert.deepEqual(
          chars.map(({ left }) => left),
          chars.map(({ left }) => left).toSorted((a, b) => a - b),
          "in the order of the path",
        );
        const first = chars.at(0)?.left ?? 0;
        const last = chars.at(-1)?.right ?? 0;
        assert.equal(ellipsis, "ellipsis");
        if (file === long) assert.ok(first < box.left && Math.abs(last - box.right) < 1, "the end is in sight");
        else assert.ok(Math.abs(first - box.left) < 1 && last < box.right, "the whole is in sight, from the left");
      }
    });
  });

  it("leaves the status in sight below an open line on a narrow screen", async () => {
    await using api = await FakeApi.start(sampleLines(300, Date.now(), 1000));
    await using open = await OpenPage.open(browser, api, { viewport: { width: 390, height: 844 } });
    await open.page.locator(".row").nth(9).click();
    await open.page.locator(".detail-line").waitFor();
    await open.page.getByRole("button", { name: "Sign out" }).click({ trial: true });
    assert.ok(
      await open.page.locator(".status-state").evaluate((state) => {
        const { x, y } = state.getBoundingClientRect();
        return document.elementFromPoint(x + 1, y + 5) === state;
      }),
      "nothing is in front of it",
    );
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

/** Where the characters of an element are, and where it is itself; runs in the browser. */
function characters(element: Element): {
  readonly box: { readonly left: number; readonly right: number };
  readonly chars: readonly { readonly left: number; readonly right: number }[];
  readonly ellipsis: string;
} {
  const chars: { left: number; right: number }[] = [];
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    for (let at = 0; at < (node.textContent ?? "").length; at++) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const { left, right } = range.getBoundingClientRect();
      chars.push({ left, right });
    }
  }
  const { left, right } = element.getBoundingClientRect();
  return { box: { left, right }, chars, ellipsis: getComputedStyle(element).textOverflow };
}
