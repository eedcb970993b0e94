import type { Environment } from "./environment.ts";

/**
 * A text with each `${NAME}` replaced by that environment variable, and `$${NAME}` by `${NAME}`; and the names for which
 * there is none.
 */
export function substituted(
  text: string,
  environment: Environment,
): { readonly text: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const whole = text.replace(/\$(\$?)\{([A-Za-z_][0-9A-Za-z_]*)\}/g, (found, dollar: string, variable: string) => {
    if (dollar !== "") return found.slice(1);
    const replacement = environment[variable];
    if (replacement === undefined) missing.push(variable);
    return replacement ?? "";
  });
  return { text: whole, missing };
}
