/** Runs the examples of `docs/fields.md`: what a section configures, of which file a line is, and what the line has then. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { isSecretVariable } from "../../config/secret_variables.ts";
import { checkFields } from "./check_fields.ts";
import { type FieldOptions, lineFields } from "./line_fields.ts";

const TEXT = readFileSync(join(import.meta.dirname, "../../../../../docs/fields.md"), "utf8");
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
    const rules: Partial<NonNullable<FieldOptions["pathRules"]>[number]>[] = parse(block("yaml"))?.log.rules ?? [];
    const options: FieldOptions = {
      metaApp: environment.MZ_META_APP,
      metaHost: environment.MZ_META_HOST,
      metaEnv: environment.MZ_META_ENV,
      metaFile: environment.MZ_META_FILE,
      metaJson: environment.MZ_META_JSON,
      pathRules: rules.map(({ paths = [], app, env, tags = [] }) => ({ paths, app, env, tags })),
    };
    const checked = checkFields(options, {
      ...{ hostname, environment, isSecret: isSecretVariable, needsName: true, logDirs: ["/var/log"] },
      bodySize: 1 << 20,
    });
    assert.deepEqual([checked.problems, checked.warnings], [[], []]);
    const fieldsOf = lineFields(options, { hostname, environment: checked.environment });
    assert.deepEqual(fieldsOf?.(path), JSON.parse(block("json")));
  });
}

test("docs/fields.md has examples", () => assert.ok(EXAMPLES.length >= 4));

/** Assignments of a shell, whose values may stand in single quotes. */
function variables(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name, quoted, plain] = /^(\w+)=(?:'(.*)'|(\S*))$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, quoted ?? plain ?? ""]];
    }),
  );
}
