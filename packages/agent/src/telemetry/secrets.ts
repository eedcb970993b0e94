import { Buffer } from "node:buffer";
import { MASK } from "../config/secret.ts";

/**
 * Texts that must be in no output, and what takes them out of what others say: a server's answer may hold the key that it was
 * sent, as it is or encoded. What is taken out has to be a text on its own: once it is cut, or a part of JSON, a secret in it
 * may have another form.
 */
export class Secrets {
  readonly #minLength: number;
  readonly #known = new Set<string>();
  /** The longest first, so that none leaves the rest of another one. */
  #forms: readonly string[] = [];

  /** @param minLength characters; shorter texts occur by accident. */
  constructor(minLength: number) {
    this.#minLength = minLength;
  }

  add(secret: string): void {
    if (secret.length < this.#minLength || this.#known.has(secret)) return;
    this.#known.add(secret);
    const forms = [...new Set([...this.#forms, ...formsOf(secret)])];
    this.#forms = forms.toSorted((a, b) => b.length - a.length);
  }

  /** The text with `***` in the place of every secret. Needs no `this`. */
  readonly concealIn = (text: string): string =>
    this.#forms.reduce((rest, form) => (rest.includes(form) ? rest.replaceAll(form, MASK) : rest), text);

  /** A value, as JSON can have it, with that done to each text in it; names of fields stay. */
  readonly concealInAll = (value: unknown): unknown => {
    if (typeof value === "string") return this.concealIn(value);
    if (Array.isArray(value)) return value.map(this.concealInAll);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, this.concealInAll(field)]));
  };
}

/** How a secret may be written by whoever was sent it. */
function formsOf(secret: string): string[] {
  const inUrl = encodeURIComponent(secret.toWellFormed());
  // RFC 3986, 2.2: these are reserved too, although JavaScript leaves them.
  const inStrictUrl = inUrl.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  const inForm = new URLSearchParams({ "": secret }).toString().slice(1);
  const lowerCase = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (encoded) => encoded.toLowerCase());
  const basic = [secret, `${secret}:`].flatMap((text) => {
    const encoded = Buffer.from(text).toString("base64").replace(/=+$/, "");
    return [encoded, Buffer.from(text).toString("base64url")];
  });
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...[inUrl, inStrictUrl, inForm].flatMap((text) => [text, lowerCase(text)]),
    ...["&#39;", "&#x27;", "&apos;"].map((apostrophe) => htmlOf(secret, apostrophe)),
    ...basic,
    // Headers and reason phrases are read as Latin-1.
    Buffer.from(secret).toString("latin1"),
  ];
}

function htmlOf(text: string, apostrophe: string): string {
  const escapes: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": apostrophe,
  };
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}
