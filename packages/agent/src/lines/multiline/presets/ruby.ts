import type { Machine, Step } from "../machine.ts";
import { messageStep } from "./message.ts";

/**
 * Errors of Ruby: as the interpreter writes them, with `from` in front of each frame, also in reverse order; as the standard
 * logger does, with bare frames; and as Rails does, with an empty line in front of them.
 */

/** The place of an error and its message, up to which the class may come on a later line. */
const HEAD = /(?:^|\s)\S+:\d+:in [`'][^']{0,200}': /;
const FROM = /^[ \t]+(?:\d+: )?from \S.*:\d+/;
const LEVELS = /^[ \t]+\.\.\. \d+ levels\.\.\.$/;
const REVERSED = /(?:^|\s)Traceback \(most recent call last\):$/;
/** A bare frame, behind the tags of Rails. */
const FRAME = /^(?:\[[^\]]*\] )*\S+:\d+:in [`'].*'$/;
/** The same at the end of a line: the first of a backtrace in a log. */
const LOGGED_FRAME = /(?:^|\s)\S+:\d+:in [`']/;
/** A message with the class behind it, as the logger writes it. */
const LOGGED = /\([A-Z]\w*(?:::[A-Z]\w*)*\)$/;
/** A message in parentheses with the class in front of it, as Rails writes it: how it begins, and how it ends. */
const RAILS = { begin: /(?:^|\s)[A-Z]\w*(?:::[A-Z]\w*)* \(/, end: /\):?[ \t]*$/ };
/** What the interpreter adds to a message. */
const HINT = /^[ \t]*\^+[ \t]*$|^Did you mean\?/;

function isHead(line: string): boolean {
  return line.includes(":in ") && HEAD.test(line);
}

function isLogged(line: string): boolean {
  return LOGGED.test(line) || (RAILS.end.test(line) && RAILS.begin.test(line));
}

function isLoggedFrame(line: string): boolean {
  return line.endsWith("'") && line.includes(":in ") && LOGGED_FRAME.test(line);
}

function afterHead(line: string): Step | undefined {
  if (FROM.test(line) || LEVELS.test(line)) return from;
  return HINT.test(line) ? hinted : undefined;
}

/** Frames of the interpreter; its cause comes behind them, as an error of its own. */
const from: Step = {
  certain: true,
  next: (line) => afterHead(line) ?? (/^\S+:\d+:in /.test(line) && isHead(line) ? head : undefined),
};

const message = messageStep(afterHead, (line) => isHead(line) || isLoggedFrame(line));
const head: Step = { certain: true, next: (line) => message.next(line) };
const hinted: Step = { certain: true, next: (line) => (line === "" ? beforeFrames : afterHead(line)) };
const beforeFrames: Step = { certain: false, next: afterHead };

/** The last line is the error. */
const reversed: Step = {
  certain: true,
  next: (line) => (FROM.test(line) || LEVELS.test(line) ? reversed : isHead(line) ? head : undefined),
};
const traceback: Step = { certain: false, next: (line) => (FROM.test(line) ? reversed : undefined) };

const bare: Step = { certain: true, next: (line) => (FRAME.test(line) ? bare : undefined) };
const logged = messageStep(
  (line) => (FRAME.test(line) ? bare : undefined),
  (line) => isLogged(line) || isHead(line),
);

export const ruby: Machine = {
  trigger: String.raw`:\d+:in [${"`"}']|\n[ \t]+(?:\d+: )?from `,
  begin(line) {
    if (isHead(line)) return head;
    if (FROM.test(line)) return from;
    if (isLoggedFrame(line)) return bare;
    if (line.endsWith("(most recent call last):") && REVERSED.test(line)) return traceback;
    return isLogged(line) ? logged : undefined;
  },
};
