/** A real browser for tests of the page, which notes everything that the page must never do. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { FakeApi } from "./fake_api.ts";

const EXECUTABLE = "/usr/bin/chromium";

/** Why tests that need a browser cannot run here, or false. */
export const noBrowser = existsSync(EXECUTABLE) ? false : `${EXECUTABLE} is not installed (Debian: chromium)`;

export async function launch(): Promise<Browser> {
  return await chromium.launch({
    executablePath: EXECUTABLE,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

declare global {
  interface Window {
    violations: string[];
  }
}

/** A page on a server, and what it did that no page may do. */
export class OpenPage implements AsyncDisposable {
  readonly page: Page;
  readonly #origin: string;
  readonly #wrong: string[] = [];

  private constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
  }

  /** Opens a path of the page in a fresh browser profile, signed in by link unless `signedIn` is false. */
  static async open(
    browser: Browser,
    api: FakeApi,
    options: BrowserContextOptions & { readonly path?: string; readonly signedIn?: boolean } = {},
  ): Promise<OpenPage> {
    const { path = "/", signedIn = true, ...rest } = options;
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...rest });
    const page = await context.newPage();
    const open = new OpenPage(page, api.origin);
    page.on("dialog", (dialog) => {
      open.#wrong.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("pageerror", (error) => open.#wrong.push(`error: ${error.stack}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== api.origin && url.protocol !== "data:") open.#wrong.push(`request to ${url.href}`);
    });
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
      });
    });
    const address = new URL(path, api.origin);
    if (signedIn) address.hash = new URL(api.signInUrl).hash;
    await page.goto(address.href);
    return open;
  }

  /** Waits until a row's text contains this. */
  async row(text: string): Promise<void> {
    await this.page.locator(".row", { hasText: text }).first().waitFor();
  }

  /** The query of the address, without the origin. */
  get address(): string {
    return this.page.url().slice(this.#origin.length);
  }

  /** Fails where the page did what no page may do. */
  async [Symbol.asyncDispose](): Promise<void> {
    const violations = await this.page.evaluate(() => window.violations);
    await this.page.context().close();
    assert.deepEqual([...this.#wrong, ...violations], []);
  }
}
