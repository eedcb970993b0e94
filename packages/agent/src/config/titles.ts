import type { Merged } from "./merge.ts";
import { OPTIONS, type OptionName, optionTitle } from "./options.ts";

/**
 * What messages call an option: the path of its key where the YAML file gives it, else the name of its variable.
 * @param beside an option that the message is about; one that nobody gave is called as that one is.
 */
export function titleOf({ origins, titles }: Merged, option: OptionName, beside?: OptionName): string {
  const row = OPTIONS[option];
  const given = titles.get(option);
  if (given !== undefined) return given;
  const isYaml = beside !== undefined && titles.has(beside) && !origins.has(option);
  return isYaml && "yaml" in row ? row.yaml : optionTitle(row);
}
