import * as z from "zod";
import { defaultText } from "./help.ts";
import { type AnyOption, lastKey, OPTION_LIST } from "./options.ts";

/** A JSON schema document or a part of one. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

interface ObjectSchema extends JsonSchema {
  readonly type: "object";
  readonly additionalProperties: false;
  readonly properties: Record<string, JsonSchema>;
}

/** The JSON schema of the YAML configuration file, for editors and for checks before a roll-out. */
export function configSchema(): JsonSchema {
  const root = section();
  for (const [, option] of OPTION_LIST) {
    const keys = option.yaml?.split(".") ?? [];
    const last = keys.pop();
    if (last === undefined) continue;
    let inner = root;
    for (const key of keys) {
      const next = inner.properties[key] ?? section();
      inner.properties[key] = next;
      // Only sections have options beneath them: no option's path is the beginning of another's.
      inner = next as ObjectSchema;
    }
    inner.properties[last] = optionSchema(option);
  }
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title: "Configuration of the agent", ...root };
}

function section(): ObjectSchema {
  return { type: "object", additionalProperties: false, properties: {} };
}

function optionSchema(option: AnyOption, isEntry = false): JsonSchema {
  const note = option.support === "later" ? "Not supported yet. " : "";
  // What an entry does not say is as it is for all files.
  const fallback = isEntry ? undefined : defaultText(option);
  const told = fallback === undefined ? "" : ` Default: ${fallback}.`;
  const description = `${note}${option.description}${told}`;
  if (option.many && option.entries !== undefined)
    return { description, anyOf: [{ type: "array", items: entrySchema(option.entries) }, { type: "null" }] };
  const { $schema: _, ...one } = z.toJSONSchema(option.kind.schema, { io: "input" });
  const list = { type: "array", items: one };
  const values = !option.many
    ? [one]
    : [list, ...(option.commasInYaml || option.oneInYaml ? [{ type: "string" }] : [])];
  const [value, ...others] = values;
  // A value may also be given as a variable, and may be empty to leave the option at its default.
  const variable = { type: "string", pattern: "\\$\\{[A-Za-z_][0-9A-Za-z_]*\\}" };
  return { description, anyOf: [others.length === 0 ? value : { anyOf: values }, variable, { type: "null" }] };
}

/** An entry of `log.rules`. */
function entrySchema(options: Readonly<Record<string, AnyOption>>): JsonSchema {
  const entry = section();
  for (const option of Object.values(options)) entry.properties[lastKey(option)] = optionSchema(option, true);
  return { ...entry, required: ["path"] };
}
