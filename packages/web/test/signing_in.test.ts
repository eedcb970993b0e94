import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { launch, noBrowser, OpenPage } from "./browser.ts";
import { FakeApi, makeLine, TOKEN } from "./fake_api.ts";

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
      await open.page.getByRole("button", { name: "Sign out" }).click();
      await open.page.getByLabel("Read token").waitFor();
      await open.page.reload();
      await open.page.getByLabel("Read token").waitFor();
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
      // The page may have tried again by itself, and then there is no button any more.
      const button = open.page.getByRole("button", { name: "Try again" });
      await button.click({ timeout: 5000 }).catch(() => undefined);
      await open.row("line number 1");
    });
  });
});
