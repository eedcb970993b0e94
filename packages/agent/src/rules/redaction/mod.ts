/** Personal and secret data in lines, found by name and replaced: see docs/redaction.md for what is found and what is not. */
export { createRedactor, type Redactor } from "./redactor.ts";
export { keptSalt, redactionSalt } from "./salt.ts";
export type { TracedSpan } from "./traced.ts";
