import type { JsonObject } from "./json_template.ts";
import type { LineFields } from "./line_fields.ts";

/** What is known of a file besides its path: such as the container that it is the log of. */
export interface FileFacts {
  /** The name that its lines are shipped under, where that is not its path. */
  readonly file?: string;
  readonly app?: string;
  readonly meta?: JsonObject;
  readonly label?: Readonly<Record<string, string>>;
  readonly annotation?: Readonly<Record<string, string>>;
}

/**
 * Tells what is known of a file, by its path. It is asked for each chunk, so that what is learned later counts from then on: it
 * returns the same object as long as nothing is new, and undefined where nothing is known.
 */
export type FactsOf = (path: string) => FileFacts | undefined;

/** Facts of several sources; of what more than one says the last one holds, and maps add up. */
export function allFacts(sources: readonly FactsOf[]): FactsOf {
  const [first] = sources;
  if (sources.length === 0) return () => undefined;
  if (first !== undefined && sources.length === 1) return first;
  const made = new WeakMap<FileFacts, { readonly of: readonly FileFacts[]; readonly facts: FileFacts }>();
  return (path) => {
    const of = sources.flatMap((source) => source(path) ?? []);
    const [one] = of;
    if (one === undefined || of.length === 1) return one;
    const known = made.get(one);
    if (known !== undefined && known.of.length === of.length && known.of.every((part, at) => part === of[at]))
      return known.facts;
    const facts = of.reduce(merged);
    made.set(one, { of, facts });
    return facts;
  };
}

function merged(first: FileFacts, more: FileFacts): FileFacts {
  const map = <T extends object>(one: T | undefined, other: T | undefined): T | undefined =>
    one === undefined ? other : other === undefined ? one : { ...one, ...other };
  const meta = map(first.meta, more.meta);
  const label = map(first.label, more.label);
  const annotation = map(first.annotation, more.annotation);
  return {
    ...first,
    ...more,
    ...(meta && { meta }),
    ...(label && { label }),
    ...(annotation && { annotation }),
  };
}

/** Paths whose fields are remembered: each read of a file asks. */
const MAX_REMEMBERED = 50_000;

/**
 * The fields of the lines of a file, by its path: those that the configuration says, with what is known of the file. The same object
 * as long as that is the same, so that what is made of it need not be made anew.
 */
export function rememberedFields(
  fieldsOf: (path: string, facts: FileFacts | undefined) => LineFields,
  factsOf: FactsOf,
): (path: string) => LineFields {
  const remembered = new Map<string, { readonly facts: FileFacts | undefined; readonly fields: LineFields }>();
  return (path) => {
    const facts = factsOf(path);
    const known = remembered.get(path);
    if (known !== undefined && known.facts === facts) return known.fields;
    const fields = fieldsOf(path, facts);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(path, { facts, fields });
    return fields;
  };
}
