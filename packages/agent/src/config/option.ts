import { anything, type Kind } from "./kinds.ts";

/** How an option is named in each place, and what it means. */
interface Naming {
  /** Heading that it stands under in help and documentation. */
  readonly group: Group;
  /** `X` of the environment variables `MZ_X` and `LOGDNA_X`; in lower case its name in the v1 properties file. */
  readonly env?: string;
  /** Environment variables of exactly this name, which is no older than any other. */
  readonly plainEnv?: readonly string[];
  /** Environment variables that still count, with a warning. */
  readonly oldEnv?: readonly string[];
  /** Further names in the v1 properties file. */
  readonly properties?: readonly string[];
  /** Keys that lead to it in the YAML file. */
  readonly yaml?: string;
  /** Flags, in commander's notation without the value: `-k, --key`. */
  readonly flags?: string;
  /** Flags of the first agent (v1) that still count, with a warning. */
  readonly oldFlags?: readonly string[];
  readonly description: string;
}

/** What the program does with an option. */
type Support =
  /** It acts on it. */
  | "now"
  /** It accepts it so that a fleet's configuration loads, and says that it does not act on it yet. */
  | "later"
  /** It accepts it; what the existing agents use it for does not exist here. */
  | "meaningless";

export interface ScalarOption<T, D extends T | undefined> extends Naming {
  readonly many: false;
  readonly kind: Kind<T>;
  readonly default: D;
  readonly support: Support;
  /** What the default is when it is not one value. */
  readonly defaultText?: string;
  /** An empty variable means something, instead of nothing. */
  readonly emptyCounts?: boolean;
  /** Values for which nothing has to be said although the option is not supported. */
  readonly harmless?: readonly string[];
}

export interface ListOption<T> extends Naming {
  readonly many: true;
  readonly kind: Kind<T>;
  readonly default: readonly T[];
  readonly support: Support;
  /** In the YAML file a text with commas is taken too. */
  readonly commasInYaml?: boolean;
  /** In the YAML file a single text is taken for a list of one. */
  readonly oneInYaml?: boolean;
  /** In the YAML file each item is a section of its own, with these keys; it can be given nowhere else. */
  readonly entries?: Readonly<Record<string, AnyOption>>;
}

export const GROUPS = [
  "Server",
  "Delivery",
  "This host",
  "Files",
  "Lines",
  "Kubernetes",
  "Agent",
  "Not supported yet",
] as const;
type Group = (typeof GROUPS)[number];

type Given<O> = Omit<O, "many" | "support">;

/** An option with one value. */
export function scalar<T, const D extends T | undefined>(option: Given<ScalarOption<T, D>>): ScalarOption<T, D> {
  return { ...option, many: false, support: "now" };
}

/** An option with any number of values. */
export function list<T>(option: Given<ListOption<T>>): ListOption<T> {
  return { ...option, many: true, support: "now" };
}

/** An option with one value that is accepted, and not acted upon yet. */
export function later(
  option: Omit<Given<ScalarOption<string, undefined>>, "default" | "kind" | "group">,
): ScalarOption<string, undefined> {
  const rest = { group: "Not supported yet", default: undefined, kind: anything() } as const;
  return { ...rest, ...option, many: false, support: "later" };
}

/** An option with one value that is accepted, and not acted upon yet. */
export function laterList(option: Omit<Given<ListOption<string>>, "default" | "kind" | "group">): ListOption<string> {
  const rest = { group: "Not supported yet", default: [], kind: anything() } as const;
  return { ...rest, ...option, many: true, support: "later" };
}

/** An option of whatever type. */
export type AnyOption = ScalarOption<unknown, unknown> | ListOption<unknown>;
