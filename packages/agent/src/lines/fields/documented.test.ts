/** Runs the examples of `docs/fields.md`: what a section configures, of which file a line is, and what the line has then. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../config/mod.ts";
import { lineFields } from "./line_fields.ts";

const TEXT = readFileSync(join(import.meta.dirname, "../../../../../docs/fields.md"), "utf8");
const CONFIG_FILE = "/etc/logdna/config.yaml";
const EXAMPLES = TEXT.slice(TEXT.indexOf("\n## Examples\n"), TEXT.indexOf("\n## On the server\n"))
  .split("\n### ")
  .slice(1);

for (const example of EXAMPLES) {
  const block = (language: string): string =>
    new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "ms").exec(example)?.[1] ?? "";
  test(`docs/fields.md: ${example.split("\n", 1)[0]}`, () => {
    const [, path = "", hostname = "os-name"] =
      /^A line of `(.*?)`(?: on the host `(.*?)`)?:$/m.exec(example) ?? assert.fail("no path");
    const environment = variables(block("sh"));
    const loaded = loadConfig({
      argv: [],
      env: { MZ_INGESTION_KEY: "key1", MZ_CONFIG_FILE: CONFIG_FILE, ...environment },
      version: "0",
      readFile: (file) => (file === CONFIG_FILE ? block("yaml") : missing(file)),
      osHostname: () => hostname,
    });
    assert.ok(loaded.kind === "run", JSON.stringify(loaded));
    assert.deepEqual(loaded.warnings, []);
    const { config } = loaded;
    const fieldsOf = lineFields(config, { hostname: config.hostname, environment: config.fieldEnvironment });
    assert.deepEqual(fieldsOf?.(path), JSON.parse(block("json")));
  });
}

test("docs/fields.md has examples", () => assert.ok(EXAMPLES.length >= 4));

function missing(path: string): never {
  throw Object.assign(new Error(`there is no ${path}`), { code: "ENOENT" });
}

/** Assignments of a shell, whose values may stand in single quotes. */
function variables(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name, quoted, plain] = /^(\w+)=(?:'(.*)'|(\S*))$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, quoted ?? plain ?? ""]];
    }),
  );
}
