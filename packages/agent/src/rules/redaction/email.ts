import { afterEscape, isLetterLead, leadOf } from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

const AT = "@";
/** The same in a URL. */
const ENCODED_AT = "%40";
/** Octets of a local part and of a label: RFC 5321, 4.5.3.1.1, and RFC 1035, 2.3.4. */
const MAX_LOCAL = 64;
const MAX_LABEL = 63;
/** Octets of a domain: RFC 5321, 4.5.3.1.2. */
const MAX_DOMAIN = 255;

const LOCAL = 1;
const LABEL = 2;
const KINDS = new Uint8Array(256);
for (const character of "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  KINDS[character.charCodeAt(0)] = LOCAL | LABEL;
for (const character of "._+-") KINDS[character.charCodeAt(0)] = LOCAL;
KINDS["-".charCodeAt(0)] = LOCAL | LABEL;

/** A label that can be the last one: letters alone, of any script, or one in the encoding of RFC 3492. */
const TOP = /^(?:[A-Za-z\x80-\xff]{2,}|xn--[0-9A-Za-z-]+)$/;
/**
 * Endings after which it is the instance of a systemd unit or a file, and which are no top-level domain
 * (data.iana.org/TLD/tlds-alpha-by-domain.txt); `target` is one, but not a likely one.
 */
const NO_TOP =
  /^(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope|png|jpe?g|gif|svg|webp|css|js|mjs|ts|json|log|txt|html?|xml|ya?ml|gz|conf|jar)$/i;
/** A name and a version (`pkg@1.2.3-next.rc`). */
const VERSION = /^\d+\.\d+(?:[.-]|$)/;

/** E-mail addresses with the "@" as it is. */
export const email: Finder = addresses(AT);
/** E-mail addresses with the "@" as in a URL. */
export const encodedEmail: Finder = addresses(ENCODED_AT);

function addresses(sign: string): Finder {
  return {
    find(text, from) {
      for (let at = text.indexOf(sign, from); at >= 0; at = text.indexOf(sign, at + sign.length)) {
        const span = addressAt(text, at, at + sign.length, from);
        if (span !== undefined) return span;
      }
      return undefined;
    },
    normalise(value) {
      const [local, domain] = parts(value);
      return `${local}@${domain.toLowerCase()}`;
    },
    partial(value) {
      const [local, domain] = parts(value);
      // A single letter is the whole name.
      const first = /^(?:[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*)(?=[^\x80-\xbf])/.exec(local)?.[0] ?? "";
      return `${first}***@${domain}`;
    },
  };
}

function parts(value: string): [local: string, domain: string] {
  const [local = "", domain = ""] = value.split(/@|%40/);
  return [local, domain];
}

function addressAt(text: string, sign: number, behind: number, from: number): Span | undefined {
  const start = localStart(text, sign, from);
  if (start === undefined) return undefined;
  const end = domainEnd(text, behind);
  return end === undefined ? undefined : { start, end };
}

/** Where the local part begins that ends in front of the sign. */
function localStart(text: string, sign: number, from: number): number | undefined {
  const limit = Math.max(from, sign - MAX_LOCAL - 1);
  let start = sign;
  while (start > limit) {
    const code = text.charCodeAt(start - 1);
    if (code < 0x80) {
      if (((KINDS[code] ?? 0) & LOCAL) === 0) break;
      start--;
    } else {
      const lead = leadOf(text, start - 1);
      if (lead < limit || !isMailLead(text, lead)) break;
      start = lead;
    }
  }
  if (sign - start > MAX_LOCAL) return undefined;
  start = afterEscape(text, start);
  // Dots and hyphens in front of a name belong to the sentence.
  while (start < sign && /[._+-]/.test(text[start] ?? "")) start++;
  return start < sign ? start : undefined;
}

/** Where the domain ends that begins behind the sign: behind the last label that can be a top-level domain. */
function domainEnd(text: string, behind: number): number | undefined {
  let found: number | undefined;
  let at = behind;
  while (at - behind < MAX_DOMAIN) {
    const end = labelEnd(text, at);
    if (end === at) break;
    const label = text.slice(at, end);
    if (at > behind && TOP.test(label)) found = NO_TOP.test(label) ? undefined : end;
    if (text[end] !== ".") break;
    at = end + 1;
  }
  return found === undefined || VERSION.test(text.slice(behind, found)) ? undefined : found;
}

function labelEnd(text: string, start: number): number {
  let end = start;
  while (end - start <= MAX_LABEL) {
    const code = text.charCodeAt(end);
    if (code < 0x80) {
      if (((KINDS[code] ?? 0) & LABEL) === 0) break;
      end++;
    } else if (code >= 0xc3 && isMailLead(text, end)) {
      end++;
      while ((text.charCodeAt(end) & 0xc0) === 0x80) end++;
    } else break;
  }
  if (end - start > MAX_LABEL) return start;
  // A hyphen is only within a label.
  while (end > start && text[end - 1] === "-") end--;
  return end;
}

/** Whether a character beyond ASCII may be in an address (RFC 6531): letters and ideographs, but not the punctuation around it. */
function isMailLead(text: string, lead: number): boolean {
  const code = text.charCodeAt(lead);
  if (isLetterLead(code)) return true;
  // U+3040 to U+DFFF: kana, ideographs, Hangul. In front of them are the punctuation of these scripts and symbols.
  if (code === 0xe3) return text.charCodeAt(lead + 1) >= 0x81;
  return code >= 0xe4 && code <= 0xed;
}
