import { COLON, endsWord, isHex, joinsDigitAfter, startsWord } from "./boundary.ts";
import type { Finder } from "./finder.ts";
import { dottedEnd, ipv4 } from "./ipv4.ts";

/** Every address has two colons together, or else three with groups between them. */
const CANDIDATE = /::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:/g;
const GROUPS = 8;
/** The zone of an address that is link-local (RFC 4007, 11), with the sign as it is or as in a URL (RFC 6874). */
const ZONE = /%[0-9A-Za-z][0-9A-Za-z_-]{0,15}(?:\.[0-9A-Za-z]{1,5})?/y;
const LINK_LOCAL = /^fe[89ab]|^ff/i;
/** Eight pairs of digits are the hardware address of an interface (EUI-64). */
const PAIRS = /^(?:..:){7}..$/;
/** A slice of a list in Python, where an index is expected: `lines[1::2]`. `[::1]` is the host that the agent is on. */
const SLICE = /^(?!::1$)-?\d{0,3}::\d{0,3}$/;
const MAPPED = 0xffff;

/** IPv6 addresses in every form of RFC 4291, 2.2. Brackets, ports and prefix lengths around them stay. */
export const ipv6: Finder = {
  find(text, from) {
    CANDIDATE.lastIndex = from;
    for (let match = CANDIDATE.exec(text); match !== null; match = CANDIDATE.exec(text)) {
      const start = startOf(text, match.index, from);
      const end = start === undefined ? undefined : endOf(text, start);
      if (start !== undefined && end !== undefined) return { start, end };
      CANDIDATE.lastIndex = runEnd(text, match.index);
    }
    return undefined;
  },
  normalise(value) {
    const [address = "", ...zone] = value.split("%");
    return [groupsOf(address).map(hexOf).join(":"), ...zone].join("%");
  },
  partial(value) {
    const groups = groupsOf(value.split("%")[0] ?? "");
    if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === MAPPED)
      return `::ffff:${ipv4.partial(bytesOf(groups.slice(6)).join("."))}`;
    return `${groups.slice(0, 2).map(hexOf).join(":")}:*`;
  },
};

/** Where an address begins that has its first candidate of colons at `colon`; undefined where a word goes on there. */
function startOf(text: string, colon: number, from: number): number | undefined {
  let start = colon;
  for (let count = 0; count < GROUPS; count++) {
    let group = start;
    while (group > from && start - group < 5 && isHex(text.charCodeAt(group - 1))) group--;
    while (group < start && !startsWord(text, group)) group++;
    if (start - group > 4 || group === start) break;
    start = group;
    if (group - 1 < from || text.charCodeAt(group - 1) !== COLON) return start;
    start = group - 1;
  }
  // Without a group in front it begins with two colons, or behind the colon of a label.
  if (text.charCodeAt(start + 1) !== COLON) return start + 1;
  return startsWord(text, start) && text.charCodeAt(start - 1) !== COLON ? start : undefined;
}

/** Where the address ends that begins at `start`; undefined where that is none. */
function endOf(text: string, start: number): number | undefined {
  const end = addressEnd(text, start);
  if (end === undefined || !endsWord(text, end) || joinsDigitAfter(text, end)) return undefined;
  // A colon behind it ends the sentence or comes before a message; a group behind it would make it too long.
  if (text.charCodeAt(end) === COLON && (isHex(text.charCodeAt(end + 1)) || text.charCodeAt(end + 1) === COLON))
    return undefined;
  const address = text.slice(start, end);
  // Names of C++ and Ruby are made of such letters, too: dead::beef.
  if (!/\d/.test(address) || PAIRS.test(address)) return undefined;
  if (text[start - 1] === "[" && !startsWord(text, start - 1) && SLICE.test(address)) return undefined;
  ZONE.lastIndex = end;
  return LINK_LOCAL.test(address) && ZONE.test(text) ? ZONE.lastIndex : end;
}

function addressEnd(text: string, start: number): number | undefined {
  let at = start;
  let count = 0;
  let shortened = false;
  if (text.startsWith("::", at)) {
    shortened = true;
    at += 2;
  }
  for (;;) {
    const dotted = count <= GROUPS - 2 ? dottedEnd(text, at) : undefined;
    if (dotted !== undefined) {
      count += 2;
      at = dotted;
      break;
    }
    const first = at;
    while (at - first < 4 && isHex(text.charCodeAt(at))) at++;
    if (at === first) break;
    count++;
    if (count === GROUPS || text.charCodeAt(at) !== COLON) break;
    const next = text.charCodeAt(at + 1);
    if (next === COLON) {
      if (shortened) return undefined;
      shortened = true;
      at += 2;
    } else if (isHex(next)) at++;
    else break;
  }
  return shortened ? (count < GROUPS ? at : undefined) : count === GROUPS ? at : undefined;
}

/** Where the run of hexadecimal digits and colons ends: another address begins behind it at the earliest. */
function runEnd(text: string, colon: number): number {
  let end = colon;
  while (isHex(text.charCodeAt(end)) || text.charCodeAt(end) === COLON) end++;
  return end;
}

/** The eight groups of an address as it was found. */
function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const front = numbersOf(head);
  if (tail === undefined) return front;
  const back = numbersOf(tail);
  return [...front, ...Array.from({ length: GROUPS - front.length - back.length }, () => 0), ...back];
}

function numbersOf(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function bytesOf(groups: readonly number[]): number[] {
  return groups.flatMap((group) => [group >> 8, group & 255]);
}

function hexOf(group: number): string {
  return group.toString(16);
}
