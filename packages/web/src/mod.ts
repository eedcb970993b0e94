/** The web page of the ingestion server, as the files that the server sends. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** One file of the page, ready to send. */
export interface PageFile {
  /** Media type for `content-type`. */
  readonly type: string;
  readonly body: Uint8Array;
}

/**
 * Bundles the page from its sources; about a tenth of a second.
 *
 * Everything that the page loads is in the map, by URL path, and nothing in it needs inline script, inline style or another
 * origin, so that it runs under `default-src 'none'` with `'self'` for scripts, styles and connections.
 *
 * @throws esbuild's `BuildFailure`, which names file and line, where the sources do not build.
 */
export async function buildPage(): Promise<ReadonlyMap<string, PageFile>> {
  const at = (name: string): string => fileURLToPath(new URL(`./page/${name}`, import.meta.url));
  const [html, icon, bundle] = await Promise.all([
    readFile(at("index.html")),
    readFile(at("favicon.svg")),
    build({
      entryPoints: [
        { in: fileURLToPath(import.meta.resolve("./page/main.tsx")), out: "app" },
        { in: at("styles/app.css"), out: "app" },
      ],
      outdir: "out",
      write: false,
      bundle: true,
      minify: true,
      // A plain script, not a module: it runs before the first paint, so a remembered theme does not flash.
      format: "iife",
      platform: "browser",
      target: "es2022",
      jsx: "automatic",
      jsxImportSource: "preact",
      charset: "utf8",
      legalComments: "none",
      logLevel: "silent",
      // The checkout's own tsconfig is for type checking; what matters for bundling stands here.
      tsconfigRaw: {},
    }),
  ]);
  const files = new Map<string, PageFile>([
    ["/", { type: "text/html; charset=utf-8", body: html }],
    ["/index.html", { type: "text/html; charset=utf-8", body: html }],
    ["/favicon.svg", { type: "image/svg+xml", body: icon }],
  ]);
  for (const { path, contents } of bundle.outputFiles) {
    if (path.endsWith(".js")) files.set("/app.js", { type: "text/javascript; charset=utf-8", body: contents });
    if (path.endsWith(".css")) files.set("/app.css", { type: "text/css; charset=utf-8", body: contents });
  }
  return files;
}
