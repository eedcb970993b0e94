import type { Step } from "../machine.ts";

/** How lines of a log begin that are no part of an error's message: with a time, a level, or as JSON. */
const RECORD = new RegExp(
  [
    String.raw`\[?\d{4}[-/]\d\d[-/]\d\d`,
    String.raw`\[?\d\d:\d\d:\d\d`,
    String.raw`\[?\d\d?[-/ ][A-Z][a-z]{2}[-/ ]\d{4}`,
    String.raw`(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d`,
    String.raw`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3} `,
    String.raw`<\d+>`,
    String.raw`[[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|SEVERE|CRITICAL|trace|debug|info|warn|error)[\])>]?[ :]`,
    String.raw`[DIWEFA], \[`,
    String.raw`[IWEF]\d{4} \d\d:`,
    String.raw`\{"`,
  ]
    .map((begin) => `^${begin}`)
    .join("|"),
);

/**
 * A step over the further lines of an error's message: whether it is an error shows when its frames begin.
 * @param proof the step of a line that shows it.
 * @param isBeginning whether another error begins with a line.
 */
export function messageStep(proof: (line: string) => Step | undefined, isBeginning: (line: string) => boolean): Step {
  const step: Step = {
    certain: false,
    next: (line) => proof(line) ?? (isBeginning(line) || RECORD.test(line) ? undefined : step),
  };
  return step;
}

/** The first line of an error, or a later one of which it is known that it belongs to it, and what may follow. */
export function certainly(step: Step): Step {
  return { certain: true, next: (line) => step.next(line) };
}
