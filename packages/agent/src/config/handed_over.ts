/** A configuration as text, for the image of the program that works with it. */
import type { Config } from "./config.ts";
import { Secret } from "./secret.ts";

/** Where in a value something is. */
type Path = readonly (string | number)[];

interface Handed {
  /** As JSON has it, with nothing in the place of secrets. */
  readonly config: Config;
  readonly secrets: readonly (readonly [place: Path, text: string])[];
}

/** The configuration with its secrets, which no other text of it shows. */
export function configText(config: Config): string {
  const handed: Handed = { config, secrets: [...secretsIn(config, [])] };
  return JSON.stringify(handed);
}

/** The same configuration again. @param text as `configText` gave it. */
export function configFrom(text: string): Config {
  const { config, secrets } = JSON.parse(text) as Handed;
  for (const [place, secret] of secrets) put(config, place, new Secret(secret));
  return config;
}

function* secretsIn(value: unknown, place: Path): Generator<Handed["secrets"][number]> {
  if (value instanceof Secret) yield [place, value.reveal()];
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* secretsIn(item, [...place, index]);
  else if (typeof value === "object" && value !== null)
    for (const [name, item] of Object.entries(value)) yield* secretsIn(item, [...place, name]);
}

function put(value: unknown, place: Path, secret: Secret): void {
  const [step, ...rest] = place;
  const within = value as Record<string | number, unknown>;
  if (step === undefined) return;
  if (rest.length === 0) within[step] = secret;
  else put(within[step], rest, secret);
}
