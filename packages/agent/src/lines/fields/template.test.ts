// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of the templates that are tested.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonTemplate } from "./json_template.ts";
import { lineFields } from "./line_fields.ts";
import { parseTemplate, render, TemplateError } from "./template.ts";

const ANY_TEXT = fc.string({ unit: "binary", maxLength: 12 });
const TOKENS = ["${line.app}", "${line.app|", "${line.app|x}", "${env.A}", "${env.A|", "${", "$", "|", "{", "}", "$${"];
const JSON_TOKENS = ['"', '"', "\\", "u00", "41", ",", ":", "[", "]", "{", "}", "n", "7", "null", '{"a":"', '"}'];

/** What reading gives; undefined where it tells that it cannot be read. Anything else that is thrown comes through. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

test("any text is a template or is told not to be one, and a template gives a text for any values", () => {
  let templates = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...TOKENS), ANY_TEXT)), fc.option(ANY_TEXT), (tokens, value) => {
      const template = readable(() => parseTemplate(tokens.join("")));
      if (template === undefined) return;
      templates += 1;
      assert.equal(typeof render(template, () => value ?? undefined), "string");
    }),
    { numRuns: 3000 },
  );
  assert.ok(templates > 500, `${templates}`);
});

test("a text stands for itself when a dollar is put before each opening of a variable", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...TOKENS), ANY_TEXT)), (tokens) => {
      const text = tokens.join("");
      const template = parseTemplate(text.replaceAll("${", "$$${"));
      assert.equal(
        render(template, () => "value"),
        text,
      );
    }),
  );
});

test("any value stands in a JSON string as it is, as a key, as a value and among other text", () => {
  const text = '{"${env.A}": "${line.app}", "b": ["x ${line.app} y ${line.env|no \\"env\\"} \\u00e4${env.A}"]}';
  fc.assert(
    fc.property(ANY_TEXT, ANY_TEXT, fc.option(ANY_TEXT), (a, app, env) => {
      fc.pre(a !== "b");
      const values = new Map([["line.app", app], ...(env === null ? [] : [["line.env", env] as const])]);
      const object = jsonTemplate(text, { A: a })((name) => values.get(name));
      const expected = Object.fromEntries([
        [a, app],
        ["b", [`x ${app} y ${env ?? 'no "env"'} ä${a}`]],
      ]);
      assert.deepEqual(object, expected);
    }),
    { numRuns: 1000 },
  );
});

test("what is taken as a JSON object at the start is one for the values of any line", () => {
  const token = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...TOKENS) },
    { weight: 3, arbitrary: fc.constantFrom(...JSON_TOKENS) },
  );
  const inner = fc.array(token, { maxLength: 8 }).map((tokens) => tokens.join(""));
  const value = fc.option(fc.oneof(ANY_TEXT, fc.constantFrom('"', "\\", "41", "u0041", '", "b": "')));
  let objects = 0;
  fc.assert(
    fc.property(inner, fc.boolean(), ANY_TEXT, value, (text, quoted, a, app) => {
      const template = readable(() => jsonTemplate(quoted ? `{"a": "${text}"}` : `{"a": ${text}}`, { A: a }));
      if (template === undefined) return;
      objects += 1;
      const object = template((name) => (name === "line.app" ? (app ?? undefined) : undefined));
      assert.deepEqual(Object.keys(object), Object.keys(template(() => undefined)));
    }),
    { numRuns: 20_000 },
  );
  assert.ok(objects > 1000, `${objects}`);
});

test("the same path has the same fields, and other paths theirs", () => {
  const fieldsOf = lineFields(
    {
      ...{
        metaApp: "${line.file}",
        metaHost: undefined,
        metaEnv: undefined,
        metaFile: undefined,
        metaJson: undefined,
        metaLabels: undefined,
        metaAnnotations: undefined,
      },
      pathRules: [{ paths: ["/a/**"], app: "a", env: undefined, tags: [] }],
    },
    { hostname: "h", environment: {} },
  );
  fc.assert(
    fc.property(ANY_TEXT, (name) => {
      const path = `/a/${name}`;
      assert.deepEqual(fieldsOf?.(path), { app: path, file: path });
      assert.deepEqual(fieldsOf?.(path), fieldsOf?.(path));
    }),
  );
});
