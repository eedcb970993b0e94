import { LOOK_BACK, type Machine, type Step } from "./machine.ts";

/** Bounds of one event. */
export interface Bounds {
  readonly maxLines: number;
  /** Bytes, line ends included. */
  readonly maxBytes: number;
}

/** Lines that are one event, two or more of them; positions within the text. */
interface Group {
  readonly from: number;
  readonly to: number;
  readonly lines: number;
}

export interface Grouped {
  /** In order. What is in between are single lines. */
  readonly groups: readonly Group[];
  /** Lines from here on may go on with what follows the text. */
  readonly held: number;
  /** Lines that might have gone on were given out, because nothing was to be waited for. */
  readonly cut: boolean;
}

/** What follows a text. */
export interface Following {
  /** Nothing is waited for. */
  readonly final: boolean;
  /** Bytes of a line that has not ended yet. */
  readonly rest: number;
}

/** The event that begins at a line, or that line alone. */
interface Extent {
  readonly to: number;
  readonly lines: number;
  /** It may go on behind the text. */
  readonly open: boolean;
}

/** At a bound an event is cut in front of a line that can begin one, if one of so many has that. */
const CUT_BACK = 3;

/**
 * Finds the lines that are one event. Each event is found from its first line on, without regard to what was before it: so
 * the same lines make the same events wherever reading begins, also in the second half of one that was cut.
 */
export class Grouping {
  readonly #machines: readonly Machine[];
  readonly #trigger: RegExp | undefined;
  readonly #isMixed: boolean;

  /** @param isMixed within what one machine joins, each line may begin what another does. */
  constructor(machines: readonly Machine[], isMixed: boolean) {
    this.#machines = machines;
    this.#isMixed = isMixed;
    const triggers = machines.map(({ trigger }) => trigger);
    if (triggers.every((trigger) => trigger !== undefined)) this.#trigger = new RegExp(triggers.join("|"), "g");
  }

  /** @param text whole lines, one character for each byte; the last may lack its end when nothing follows. */
  group(text: string, following: Following, bounds: Bounds): Grouped {
    const groups: Group[] = [];
    let cut = false;
    let at = 0;
    let trigger = -1;
    while (at < text.length) {
      if (this.#trigger !== undefined && trigger < at) {
        trigger = this.#nextTrigger(text, at);
        if (trigger === text.length && following.final) {
          // What would be cut is at the end.
          cut ||= this.#isOpen(text, at, bounds);
          break;
        }
        at = Math.max(at, linesBefore(text, trigger));
      }
      const { to, lines, open } = this.#extent(text, at, following, bounds);
      if (open && !following.final) return { groups, held: at, cut };
      cut ||= open;
      if (lines > 1) groups.push({ from: at, to, lines });
      at = to;
    }
    return { groups, held: text.length, cut };
  }

  /** Whether lines at the end of a text without certain ones may go on behind it. */
  #isOpen(text: string, from: number, bounds: Bounds): boolean {
    let at = Math.max(from, linesBefore(text, text.length));
    while (at < text.length) {
      const { to, open } = this.#extent(text, at, { final: true, rest: 0 }, bounds);
      if (open) return true;
      at = to;
    }
    return false;
  }

  /** Where the next line begins that can be certain; the end of the text when there is none. */
  #nextTrigger(text: string, from: number): number {
    const trigger = this.#trigger;
    if (trigger === undefined) return from;
    const first = endOf(text, from);
    trigger.lastIndex = 0;
    if (trigger.test(`\n${text.slice(from, first)}`)) return from;
    trigger.lastIndex = first - 1;
    return trigger.test(text) ? startOf(text, trigger.lastIndex) : text.length;
  }

  #extent(text: string, from: number, { rest }: Following, { maxLines, maxBytes }: Bounds): Extent {
    const machines = this.#machines;
    const steps: (Step | undefined)[] = [];
    let count = 0;
    let at = from;
    let certainTo = 0;
    let certainLines = 0;
    /** For each of the last lines a bit that tells whether it was certain, the newest first. */
    let certainties = 0;
    const closed = (open = false): Extent => {
      if (certainLines === 0) return { to: endOf(text, from), lines: 1, open };
      return withoutEmptyEnd(text, from, certainTo, certainLines, open);
    };
    while (at < text.length) {
      const to = endOf(text, at);
      if (count > 0 && to - from > maxBytes) return closed();
      const line = text.slice(at, contentEnd(text, at, to));
      let isAlive = false;
      let isCertain = false;
      for (let n = 0; n < machines.length; n += 1) {
        // An empty line ends up alone, where it counts as one.
        const step = count > 0 ? steps[n]?.next(line) : line === "" ? undefined : machines[n]?.begin(line);
        steps[n] = step;
        if (step === undefined) continue;
        isAlive = true;
        isCertain ||= step.certain;
      }
      if (!isAlive) return closed();
      count += 1;
      if (count > maxLines)
        return (isCertain ? this.#cut(text, from, at, certainties, maxLines) : undefined) ?? closed();
      certainties = (certainties << 1) | (isCertain ? 1 : 0);
      if (isCertain) {
        certainTo = to;
        certainLines = count;
        if (this.#isMixed) for (const [n, machine] of machines.entries()) steps[n] ??= machine.begin(line);
      } else if (count - certainLines >= LOOK_BACK) return closed();
      at = to;
    }
    // The next line would not fit: what it is need not be known.
    return closed(at - from + rest <= maxBytes);
  }

  /**
   * Cuts an event that has as many lines as it may have in front of a line that can begin one. What is before that must be
   * certain without it.
   * @param next where the line begins that is one too many.
   * @returns undefined when there is none.
   */
  #cut(text: string, from: number, next: number, certainties: number, maxLines: number): Extent | undefined {
    let at = next;
    for (let back = 0; back <= CUT_BACK && at > from; back += 1) {
      const line = text.slice(at, contentEnd(text, at, endOf(text, at)));
      const isSafe = ((certainties >> back) & 1) === 1;
      if (isSafe && line !== "" && this.#machines.some((machine) => machine.begin(line) !== undefined))
        return withoutEmptyEnd(text, from, at, maxLines - back, false);
      at = startOf(text, at);
    }
    return undefined;
  }
}

const NEWLINE = 10;
const RETURN = 13;

function endOf(text: string, from: number): number {
  const newline = text.indexOf("\n", from);
  return newline < 0 ? text.length : newline + 1;
}

/** Where the line begins that has the character in front of a position. */
function startOf(text: string, position: number): number {
  return position < 2 ? 0 : text.lastIndexOf("\n", position - 2) + 1;
}

/** Where a line's text ends, without LF or CR LF. */
function contentEnd(text: string, from: number, to: number): number {
  let end = to;
  if (end > from && text.charCodeAt(end - 1) === NEWLINE) end -= 1;
  if (end > from && text.charCodeAt(end - 1) === RETURN) end -= 1;
  return end;
}

/** Where the line begins that is as many lines before a line's beginning as are looked at. */
function linesBefore(text: string, position: number): number {
  let at = position;
  for (let n = 0; n < LOOK_BACK && at > 0; n += 1) at = startOf(text, at);
  return at;
}

/** An event without the empty lines at its end. */
function withoutEmptyEnd(text: string, from: number, to: number, lines: number, open: boolean): Extent {
  let end = to;
  let left = lines;
  for (; left > 1; left -= 1) {
    const start = startOf(text, end);
    if (start <= from || contentEnd(text, start, end) > start) break;
    end = start;
  }
  return { to: end, lines: left, open };
}
