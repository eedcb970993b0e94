import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildPage } from "./mod.ts";

describe("buildPage", () => {
  it("has every file that the page asks for, and nothing inline or from elsewhere", async () => {
    const files = await buildPage();
    const text = (path: string): string => new TextDecoder().decode(files.get(path)?.body);
    const html = text("/");
    assert.equal(text("/index.html"), html);
    const asked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    assert.deepEqual(asked.toSorted(), ["/app.css", "/app.js", "/favicon.svg"]);
    for (const path of asked) assert.ok((files.get(path)?.body.length ?? 0) > 0, path);
    assert.doesNotMatch(html, /<script>|<style|style=|\son\w+=/);
    assert.doesNotMatch(text("/app.css"), /url\(|@import/);
    for (const { type } of files.values()) assert.match(type, /^(text|image)\/[a-z+]+(; charset=utf-8)?$/);
  });

  it("stays small: what an operator waits for on a slow line", async () => {
    let bytes = 0;
    for (const [path, { body }] of await buildPage()) if (path !== "/index.html") bytes += body.length;
    assert.ok(bytes < 160 * 1024, `${bytes} bytes`);
  });
});
