import type { Machine, Step } from "../machine.ts";
import { certainly, messageStep } from "./message.ts";

/**
 * Stack traces of V8 as Node writes them: for an uncaught error the place and the code, a caret and an empty line; then the
 * name of the error, its message, frames, its properties in braces with the causes among them, and the version of Node.
 */

const HEAD =
  /(?:^|[\s"'({[:>])(?:[\w$]+\.)*[\w$]*(?:Error|Exception|Warning)(?: \[[\w.]+\])?(?=$|:)|(?:^|\s)Trace(?=$|: )|^error: /;
/** What is in each of these, and is looked for in a tenth of the time. */
const HINT = /[Ee]rror|Exception|Warning|Trace/;
const PLACE = /^(?:(?:file:\/\/)?(?:\/|[A-Za-z]:\\)\S.*|node:\S+|\[eval\]|\S+\.[cm]?[jt]sx?):\d+$/;
const FRAME = /^[ \t]+at (?:[^(]*\(.*\)|.*:\d+(?::\d+)?|<anonymous>|native)(?: \{|,)?$/;
/** A frame without anything before it. */
const LONE_FRAME =
  /^[ \t]+at (?:[^(]*\((?:.*:\d+(?::\d+)?|<anonymous>|native|index \d+)\)|(?:async )?[^\s()]+:\d+:\d+|<anonymous>)(?: \{)?$/;
const OTHER = /^[ \t]+\.\.\. \d+ lines matching |^(?:Thrown at|From previous event):$/;
const THROWN = /^Thrown at:$/;
const CAUSE = /^[ \t]*(?:\[cause\]|[Cc]aused by): /;
const VERSION = /^Node\.js v\d/;
/** Lines of code that are shown, at most. */
const CODE_LINES = 12;

function isHead(line: string): boolean {
  return HINT.test(line) && HEAD.test(line);
}

const end: Step = { certain: true, next: () => undefined };
const lastGap: Step = { certain: false, next: (line) => (VERSION.test(line) ? end : undefined) };
/** Two empty lines with `--trace-uncaught`. */
const gap: Step = { certain: false, next: (line) => (line === "" ? lastGap : lastGap.next(line)) };

function afterFrame(line: string): Step | undefined {
  if (FRAME.test(line) || OTHER.test(line)) return line.endsWith("{") ? properties : frames;
  if (CAUSE.test(line)) return cause;
  return line === "" ? gap : undefined;
}

const frames: Step = { certain: true, next: afterFrame };

const properties: Step = {
  certain: true,
  next: (line) => (/^[}\]]/.test(line) ? frames : /^[ \t]/.test(line) ? properties : undefined),
};

function proof(line: string): Step | undefined {
  if (VERSION.test(line)) return end;
  const step = line === "" ? undefined : afterFrame(line);
  return step?.certain === true ? step : undefined;
}

const isBeginning = (line: string): boolean => isHead(line) || PLACE.test(line);
const message = messageStep(proof, isBeginning);
const cause = certainly(message);

/** Behind the place of an uncaught error: its code, then the error itself, or whatever was thrown. */
function code(lines: number): Step {
  return {
    certain: false,
    next(line) {
      if (VERSION.test(line)) return end;
      if (isHead(line)) return message;
      // What was thrown is no error, and has frames with `--trace-uncaught`.
      if (THROWN.test(line)) return frames;
      return PLACE.test(line) || lines === CODE_LINES ? undefined : code(lines + 1);
    },
  };
}

/** Behind an error without frames of its own: its properties, if there are errors with frames among them. */
const hidden: Step = {
  certain: false,
  next: (line) => (FRAME.test(line) ? properties : /^[ \t]/.test(line) ? hidden : undefined),
};

export const node: Machine = {
  trigger: String.raw`\n[ \t]+(?:at |\.\.\. \d+ lines)|\n[ \t]*(?:\[cause\]|[Cc]aused by): |\n(?:Node\.js v\d|Thrown at:|From prev)`,
  begin(line) {
    if (LONE_FRAME.test(line)) return line.endsWith("{") ? properties : frames;
    if (isHead(line)) return line.endsWith("] {") ? hidden : message;
    return PLACE.test(line) ? code(0) : undefined;
  },
};
