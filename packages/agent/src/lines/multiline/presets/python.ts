import type { Machine, Step } from "../machine.ts";

/**
 * Tracebacks of CPython, which the logging module keeps to: `Traceback`, indented frames, the exception; the same of exceptions
 * that it was raised from or during, and of groups of exceptions.
 */

const TRACEBACK = /(?:^|\s)(\+ Exception Group )?Traceback \(most recent call last\):$/;
const FRAME = /^[ \t]+File ".*", line \d+/;
/** What comes in front of `Traceback` from threads, destructors, tasks and worker processes. */
const INTRO =
  /(?:^|\s)(?:Exception in thread |Exception ignored (?:in|while|on)|Task exception was never retrieved$)|RemoteTraceback: ?$/;
const INTRO_LINE = /^(?:future: <|""")/;
/** The exception: its class, and its message where it has one. */
const EXCEPTION = /^[A-Za-z_\x80-\xff][\w.<>\x80-\xff]*(?::|$)/;
const CHAINED =
  /^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):$/;
/** Further lines of messages: those of SQLAlchemy, and the end of what a worker process wrote. */
const MESSAGE_LINE = /^(?:[ \t]|\[SQL: |\[parameters: |\(Background on this error at: |"""$)/;

function traceback(line: string): Step | undefined {
  const found = line.endsWith("(most recent call last):") ? TRACEBACK.exec(line) : null;
  return found === null ? undefined : found[1] === undefined ? frames : group;
}

/** `Traceback`, a frame, or its code: all but the exception is indented. */
const frames: Step = {
  certain: true,
  next: (line) => (/^[ \t]/.test(line) ? frames : EXCEPTION.test(line) ? exception : undefined),
};

/** In a group of exceptions all is indented. */
const group: Step = { certain: true, next: (line) => (line === "" ? gap : /^[ \t]/.test(line) ? group : undefined) };

const exception: Step = {
  certain: true,
  next: (line) => (line === "" ? gap : MESSAGE_LINE.test(line) && !FRAME.test(line) ? exception : undefined),
};

const gap: Step = { certain: false, next: (line) => (CHAINED.test(line) ? chained : undefined) };

const chained: Step = { certain: true, next: (line) => (line === "" ? beforeNext : traceback(line)) };
const beforeNext: Step = { certain: false, next: traceback };

const intro: Step = { certain: false, next: (line) => traceback(line) ?? (INTRO_LINE.test(line) ? intro : undefined) };

export const python: Machine = {
  trigger: String.raw`Traceback \(most recent call last\):|\n[ \t]+File "`,
  begin(line) {
    if (FRAME.test(line)) return frames;
    return traceback(line) ?? (INTRO.test(line) ? intro : undefined);
  },
};
