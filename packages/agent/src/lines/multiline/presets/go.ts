import type { Machine, Step } from "../machine.ts";
import { messageStep } from "./message.ts";

/**
 * What the runtime of Go writes at a panic or a fatal error, and what `debug.Stack` gives: the message, an empty line, and for
 * each goroutine its state and pairs of lines with the function and its place; registers, and what `go run` adds.
 */

const HEAD =
  /(?:^|[\s:[])(?:panic: |fatal error: |http: panic serving |unexpected fault address |runtime: goroutine stack exceeds )|^SIG[A-Z]+: /;
const FATAL = /^fatal error: /;
const GOROUTINE = /(?:^|\s)goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]{1,200}\]/;
const PLACE = /^[ \t]+\S.*\.(?:go|s):\d+(?: \+0x[0-9a-f]+)?(?: fp=.*)?$/;
/** A place without anything before it. */
const LONE_PLACE = /^\t\S+\.(?:go|s):\d+(?: \+0x[0-9a-f]+)?$/;
const FUNCTION = /^\S.*\)$|^created by \S/;
const LONE_FUNCTION = /^[\w.*()/[\]{}%~$\x80-\xff-]+\(/;
const ELIDED = /^\.\.\..*frames elided\.\.\.$/;
const REGISTER = /^[a-z][a-z0-9]* +0x[0-9a-f]+$/;
const EXIT = /^exit status \d+$/;

const end: Step = { certain: true, next: () => undefined };

function goroutine(line: string): Step | undefined {
  return GOROUTINE.test(line) || line === "runtime stack:" ? frames : undefined;
}

/** The state of a goroutine, or a place. */
const frames: Step = {
  certain: true,
  next(line) {
    if (line === "") return gap;
    if (PLACE.test(line) || ELIDED.test(line)) return frames;
    if (EXIT.test(line)) return end;
    return FUNCTION.test(line) ? func : goroutine(line);
  },
};

/** A function shows by its place that it is one. */
const func: Step = { certain: false, next: (line) => (PLACE.test(line) ? frames : undefined) };

const gap: Step = {
  certain: false,
  next: (line) => (EXIT.test(line) ? end : REGISTER.test(line) ? registers : goroutine(line)),
};

const registers: Step = {
  certain: true,
  next: (line) => (REGISTER.test(line) ? registers : EXIT.test(line) ? end : undefined),
};

function proof(line: string): Step | undefined {
  return PLACE.test(line) ? frames : goroutine(line);
}

/** A panic during a panic is indented. */
function isBeginning(line: string): boolean {
  return HEAD.test(line) && !line.startsWith("\t");
}

const fatal = messageStep(proof, isBeginning);
/** A fatal error may end a panic, or tell what was said before it. */
const panic = messageStep((line) => (FATAL.test(line) ? fatal : proof(line)), isBeginning);

export const go: Machine = {
  trigger: String.raw`goroutine \d+ |\nruntime stack:|\n[ \t]+\S[^\n]*\.(?:go|s):\d`,
  begin(line) {
    if (GOROUTINE.test(line) || LONE_PLACE.test(line)) return frames;
    if (isBeginning(line)) return FATAL.test(line) ? fatal : panic;
    return line.endsWith(")") && LONE_FUNCTION.test(line) ? func : undefined;
  },
};
