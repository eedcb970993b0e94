import type { Machine, Step } from "../machine.ts";
import { certainly, messageStep } from "./message.ts";

/**
 * Stack traces as `Throwable.printStackTrace` writes them, which Logback, Log4j and others keep to: the line with the class of
 * the exception, its message, frames, and the same of causes and of suppressed exceptions. Thread dumps of the JVM as well.
 */

/** The name of an exception, or of another class with its packages or within a class. */
const HEAD =
  /(?:^|[\s"'([:>])(?:(?:[\w$]+\.)*[\w$]*(?:Exception|Error|Throwable)|(?:[a-z_][\w$]*\.)+[A-Z][\w$]*|\w+\$\w[\w$]*)(?=$|[:;,\s)\]])/;
/** What is in each of these, and is looked for in a tenth of the time. */
const HINT = /Exception|Error|Throwable|\.[A-Z]|\$/;
const THREAD = /^"[^"]*" .*\b[tn]id=/;
const FRAME = /^[ \t]+at [^\s(][^(]*\(.*\)/;
/** A frame without anything before it. */
const LONE_FRAME = /^[ \t]+at (?:[\w.@-]*\/+)*[\w$.<>\x80-\xff-]+\([\w$. :<>\x80-\xff-]*\)/;
const CAUSE = /^[ \t]*(?:Caused by|Suppressed|Wrapped by): /;
const MORE = /^[ \t]+\.\.\. \d+ (?:more|common frames omitted)/;
/** What is among frames only. */
const DETAIL = /^[ \t]+(?:\[CIRCULAR REFERENCE|- (?:locked|waiting|parking|eliminated|None))/;

function isHead(line: string): boolean {
  return (HINT.test(line) && HEAD.test(line)) || THREAD.test(line);
}

function proof(line: string): Step | undefined {
  if (FRAME.test(line) || MORE.test(line)) return frames;
  return CAUSE.test(line) ? cause : undefined;
}

const frames: Step = { certain: true, next: (line) => proof(line) ?? (DETAIL.test(line) ? frames : undefined) };
const message = messageStep(proof, isHead);
const cause = certainly(message);

export const java: Machine = {
  trigger: String.raw`\n[ \t]+(?:at |\.\.\. \d)|\n[ \t]*(?:Caused by|Suppressed|Wrapped by): `,
  begin(line) {
    if (LONE_FRAME.test(line)) return frames;
    if (CAUSE.test(line)) return cause;
    return isHead(line) ? message : undefined;
  },
};
