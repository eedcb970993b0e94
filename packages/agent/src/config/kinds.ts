import { isAbsolute, resolve } from "node:path";
import * as z from "zod";
import { globProblem } from "../rules/glob.ts";
import { rustRegexProblem } from "../rules/rust_regex.ts";
import { METADATA_RULE } from "./kubernetes_options.ts";
import { shown } from "./problem.ts";
import { MASK, Secret } from "./secret.ts";
import { readKey } from "./secret_text.ts";

/**
 * What values an option takes. Every source gives text (a flag, a variable, a scalar of the YAML file as it is
 * written), so one kind reads them all alike.
 */
export interface Kind<T> {
  /** What a value must be, for people: "a whole number from 0 to 9". */
  readonly expected: string;
  /** A placeholder for help: `NUMBER`. */
  readonly placeholder: string;
  /** The value as the YAML file holds it; the JSON schema is derived from this. */
  readonly schema: z.ZodType;
  /** The value that a text stands for. */
  read(text: string): Read<T>;
}

/** A value, or what is wrong with the text. */
type Read<T> = { readonly ok: true; readonly value: T } | Wrong;

interface Wrong {
  readonly ok: false;
  /** Where `expected` does not say it all. */
  readonly problem?: string;
  /** The text may be a secret, and is not shown. */
  readonly isHidden?: true;
}

const WRONG: Wrong = { ok: false };
const HIDDEN: Wrong = { ok: false, isHidden: true };

/** A kind whose values are checked by a zod schema, once the text is turned into a candidate. */
function kind<T>(
  expected: string,
  placeholder: string,
  schema: z.ZodType<T>,
  candidate: (text: string) => unknown,
): Kind<T> {
  return {
    expected,
    placeholder,
    schema,
    read: (text) => {
      const parsed = schema.safeParse(candidate(text));
      return parsed.success ? { ok: true, value: parsed.data } : WRONG;
    },
  };
}

const asText = (text: string): string => text;

/** Any text without control characters. */
export function text(placeholder: string, example?: string): Kind<string> {
  const expected = `a text without control characters${example === undefined ? "" : `, such as ${example}`}`;
  return kind(expected, placeholder, z.string().regex(/^[^\u0000-\u001f\u007f]+$/), asText);
}

/** A text in which variables stand for values; `checkFields` reads them, since it has the values. An empty one counts. */
export function template(): Kind<string> {
  const expected = "a text, which may hold variables; an empty one removes the field";
  return kind(expected, "TEXT", z.string(), asText);
}

/** Any text at all, for options that are not acted upon. */
export function anything(): Kind<string> {
  return kind("a text", "VALUE", z.union([z.string(), z.number(), z.boolean()]).transform(String), asText);
}

/** A text of some form. */
export function textLike(expected: string, placeholder: string, pattern: RegExp): Kind<string> {
  return kind(expected, placeholder, z.string().regex(pattern), asText);
}

/** An IP address, v4 or v6, without brackets. */
export function ipAddress(): Kind<string> {
  const expected = "an IP address of this host, such as 127.0.0.1, or 0.0.0.0 or :: for all of them";
  return kind(expected, "ADDRESS", z.union([z.ipv4(), z.ipv6()]), asText);
}

/** An IP address that is sent along, v4 or v6, without brackets. */
export function sentAddress(): Kind<string> {
  return kind("an IP address, such as 192.0.2.1", "ADDRESS", z.union([z.ipv4(), z.ipv6()]), asText);
}

/** A hardware address: six bytes of Ethernet, or more of other links, in hexadecimal. */
export function macAddress(): Kind<string> {
  return textLike("a MAC address, such as 00:00:5e:00:53:01", "ADDRESS", /^[\da-fA-F]{2}(?:[:-][\da-fA-F]{2}){5,19}$/);
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

export function boolean(): Kind<boolean> {
  return kind("true or false", "true|false", z.boolean(), (text) => BOOLEANS[text.toLowerCase()]);
}

const wholeNumber = (text: string): number => (/^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN);

export function integer(min: number, max: number, placeholder = "NUMBER"): Kind<number> {
  return kind(`a whole number from ${min} to ${max}`, placeholder, z.int().min(min).max(max), wholeNumber);
}

/** Milliseconds. */
export function milliseconds(min: number, max: number): Kind<number> {
  const expected = `a number of milliseconds from ${min} to ${max}`;
  return kind(expected, "MS", z.int().min(min).max(max), wholeNumber);
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kb: 1000,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1000 ** 4,
  tib: 1024 ** 4,
};

/** Bytes: a number, or one with a unit: `10 MB`, `512KiB`. */
export function bytes(min: number, max: number): Kind<number> {
  const number = z.int().min(min).max(max);
  return {
    expected: `a number of bytes from ${min} to ${max}, such as 65536 or "64 KiB"`,
    placeholder: "BYTES",
    schema: z.union([number, z.string().regex(/^[0-9]+ *[kKmMgGtT]?[iI]?[bB]?$/)]),
    read: (text) => {
      const match = /^([0-9]{1,15}) *([a-z]*)$/i.exec(text);
      const unit = UNITS[match?.[2]?.toLowerCase() ?? "none"];
      const parsed = number.safeParse(unit === undefined ? Number.NaN : Number(match?.[1]) * unit);
      return parsed.success ? { ok: true, value: parsed.data } : WRONG;
    },
  };
}

export function choice<const C extends string>(choices: readonly [C, ...C[]]): Kind<C> {
  return kind(`one of ${choices.join(", ")}`, choices.join("|"), z.enum(choices), (text) => text.toLowerCase());
}

/** A share of a whole, above 0 and at most 1: `0.1` or `10%`. */
export function share(): Kind<number> {
  const number = z.number().gt(0).max(1);
  return {
    expected: "a share above 0 and at most 1, such as 0.1 or 10%",
    placeholder: "SHARE",
    schema: z.union([number, z.string().regex(/^[0-9]+(\.[0-9]+)? *%$/)]),
    read: (text) => {
      const [, digits, exponent = "0", percent] =
        /^([0-9]{0,20}\.?[0-9]{1,25})(?:e-([0-9]{1,2}))? *(%?)$/.exec(text) ?? [];
      // By its decimals: 33.3 divided by 100 is not 0.333.
      const places = Number(exponent) + (percent === "%" ? 2 : 0);
      const parsed = number.safeParse(digits === undefined ? Number.NaN : Number(`${digits}e-${places}`));
      return parsed.success ? { ok: true, value: parsed.data } : WRONG;
    },
  };
}

/** Sections of the YAML file, which no text stands for. */
export function sections(): Kind<never> {
  return { expected: "a section", placeholder: "SECTION", schema: z.never(), read: () => WRONG };
}

/** A path; a relative one counts from the working directory. */
export function path(placeholder = "PATH"): Kind<string> {
  return {
    expected: "a path",
    placeholder,
    schema: z.string().min(1),
    read: (text) => {
      if (text === "" || text.includes("\0")) return WRONG;
      const absolute = isAbsolute(text) ? text : resolve(text);
      return { ok: true, value: absolute.length > 1 ? absolute.replace(/\/+$/, "") || "/" : absolute };
    },
  };
}

/** A pattern of paths in the dialect of `rules/glob.ts`. */
export function glob(): Kind<string> {
  return checked("a glob pattern, such as /srv/**/*.log", "GLOB", globProblem);
}

/** A regular expression in the dialect of `rules/rust_regex.ts`. */
export function regex(): Kind<string> {
  return checked("a regular expression", "REGEX", rustRegexProblem);
}

/** The same for lines. An empty one is in every line, which nobody means. */
export function lineRegex(): Kind<string> {
  return checked("a regular expression", "REGEX", (given) =>
    given === "" ? "an empty one matches every line; use .* where that is meant" : rustRegexProblem(given),
  );
}

/** A directory, a file, or a pattern of paths. */
export function logDirectory(): Kind<string> {
  const directory = path("DIR");
  return {
    ...directory,
    expected: "a directory, a file or a glob pattern",
    read: (text) => {
      const problem = globProblem(text);
      return problem === undefined
        ? directory.read(text)
        : { ok: false, problem: `${shown(text)} cannot be read: ${problem}` };
    },
  };
}

function checked(expected: string, placeholder: string, problemOf: (text: string) => string | undefined): Kind<string> {
  return {
    expected,
    placeholder,
    schema: z.string().min(1),
    read: (text) => {
      const problem = problemOf(text);
      return problem === undefined
        ? { ok: true, value: text }
        : { ok: false, problem: `${shown(text)} is not ${expected}: ${problem}` };
    },
  };
}

/** The URL of a proxy, which may hold a password. It is read where it is used: a variable for every program may mean another. */
export function proxyUrl(): Kind<Secret> {
  return {
    expected: "the URL of an HTTP proxy, such as http://user:password@proxy.example:3128",
    placeholder: "URL",
    schema: z.string().min(1),
    read: (text) => ({ ok: true, value: new Secret(text) }),
  };
}

/** Names of headers that the agent itself sends, or that say how a request is framed (RFC 9110, 7.6.1; RFC 9112, 6). */
const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "x-batch-attempt",
  "x-batch-id",
]);
/** A field name (RFC 9110, 5.1). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function isFreeHeader(name: string): boolean {
  return HEADER_NAME.test(name) && !TAKEN_HEADERS.has(name.toLowerCase());
}

/** A header line, `name: value`, whose value may be secret (RFC 9110, 5.5: visible characters with blanks between them). */
export function header(): Kind<Secret> {
  const expected = "a header that the agent does not send itself, written name: value";
  return {
    expected,
    placeholder: "HEADER",
    schema: z.string().min(1),
    read: (text) => {
      const [, name = "", value = ""] = /^([^:]*):[ \t]*([\x21-\x7e](?:[\t -~]*[\x21-\x7e])?)$/.exec(text.trim()) ?? [];
      if (isFreeHeader(name)) return { ok: true, value: new Secret(`${name}: ${value}`) };
      return HIDDEN;
    },
  };
}

/** The name of the header that the key goes in, and what is written before the key there. */
export function keyHeader(): Kind<string> {
  const expected =
    "the name of a header, such as api-key, or a name and a scheme, such as authorization: Bearer, without the key itself";
  return {
    expected,
    placeholder: "NAME[: SCHEME]",
    schema: z.string().min(1),
    read: (text) => {
      const [name = "", scheme] = text.split(":", 2).map((part) => part.trim());
      const good = isFreeHeader(name) && (scheme === undefined || HEADER_NAME.test(scheme));
      // Whoever misunderstands it writes the key there.
      if (!good || text.split(":").length > 2) return HIDDEN;
      return { ok: true, value: scheme === undefined ? name : `${name}: ${scheme}` };
    },
  };
}

/** What Kubernetes' metadata must be for a line to be, or not to be, shipped; `readMetadataRule` reads it. */
export function metadataRule(): Kind<string> {
  const expected = "namespace:NAME, name:POD, label.KEY:VALUE or annotation.KEY:VALUE";
  return kind(expected, "FIELD:VALUE", z.string().regex(METADATA_RULE), (text) => text.trim());
}

/** Seconds, which may have decimals. */
export function seconds(min: number, max: number): Kind<number> {
  const read = (text: string): number => (/^[0-9]{1,6}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN);
  return kind(`a number of seconds from ${min} to ${max}`, "SECONDS", z.number().min(min).max(max), read);
}

/** A secret that hashes are keyed with. What was given is never shown. */
export function salt(): Kind<Secret> {
  const expected = "a secret of 8 to 1024 characters, without control characters";
  return {
    expected,
    placeholder: "SECRET",
    schema: z.string().regex(/^[^\u0000-\u001f\u007f]{8,1024}$/),
    read: (text) => {
      if (text === MASK)
        return { ok: false, problem: `${MASK} is no secret: it is what --list shows in the place of one` };
      if (/^[^\u0000-\u001f\u007f]{8,1024}$/.test(text)) return { ok: true, value: new Secret(text) };
      return HIDDEN;
    },
  };
}

/** An ingestion key: what can stand in a header (RFC 9110, 5.5) and in a URL's user name. */
export function secret(): Kind<Secret> {
  return {
    expected: "an ingestion key: letters, digits and punctuation, without spaces",
    placeholder: "KEY",
    schema: z.string().regex(/^[\x21-\x7e]+$/),
    read: (text) => {
      if (text === MASK)
        return { ok: false, problem: `${MASK} is no key: it is what --list shows in the place of one` };
      const key = readKey(text);
      // What cannot be a key may be one with a blank behind it.
      return key === undefined ? HIDDEN : { ok: true, value: key };
    },
  };
}
