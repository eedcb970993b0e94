import {
  aheadOf,
  assertionOf,
  choiceOf,
  MAX_HEIGHT,
  MAX_SIZE,
  type Pattern,
  repeatOf,
  sequenceOf,
  setOf,
} from "./pattern.ts";
import { RegexSyntaxError, type Scanner, scannerOf } from "./rust_scanner.ts";

/**
 * Reads the JavaScript expression that a glob was translated to: source without the flags `u` and `v`, under the flag
 * `s`. A glob may carry parts of an expression through as they are; what is no regular language in the strict sense
 * (back-references), and what no glob is translated to (look-behind, names), is refused.
 * @throws {RegexSyntaxError} telling what is refused.
 */
export function readGlobSource(source: string): Pattern {
  const scanner = scannerOf(source);
  const pattern = alternation(scanner, 0);
  if (!scanner.done) throw new RegexSyntaxError('a "(" is missing');
  if (pattern.size > MAX_SIZE) throw new RegexSyntaxError("it is too large");
  if (pattern.height > MAX_HEIGHT) throw new RegexSyntaxError("it is nested too deep");
  return pattern;
}

function alternation(scanner: Scanner, depth: number): Pattern {
  if (depth > MAX_HEIGHT) throw new RegexSyntaxError("it is nested too deep");
  const choices: Pattern[] = [];
  let parts: Pattern[] = [];
  while (!scanner.done && scanner.peek() !== ")") {
    if (scanner.take("|")) {
      choices.push(sequenceOf(parts));
      parts = [];
    } else {
      parts.push(repeated(scanner, atom(scanner, depth)));
    }
  }
  return choiceOf([...choices, sequenceOf(parts)]);
}

function atom(scanner: Scanner, depth: number): Pattern {
  const group = scanner.takeMatch(/\((?:\?(?:[:=!]|<[=!]?|[a-z-]+:)?)?/y)?.[0];
  if (group !== undefined) {
    if (group.startsWith("(?<")) throw new RegexSyntaxError('"(?<" in it is not supported');
    if (!["(", "(?:", "(?=", "(?!"].includes(group)) throw new RegexSyntaxError(`"${group}" in it is not supported`);
    const body = alternation(scanner, depth + 1);
    if (!scanner.take(")")) throw new RegexSyntaxError('a ")" is missing');
    return group === "(?=" || group === "(?!" ? aheadOf(body, group === "(?!") : body;
  }
  const brackets = scanner.takeMatch(/\[(?:[^\]\\]|\\.)*\]/sy)?.[0];
  if (brackets !== undefined) return setOf(brackets, "");
  if (scanner.take("\\b")) return assertionOf("asciiWordEdge");
  if (scanner.take("\\B")) return assertionOf("asciiWordNoEdge");
  if (scanner.takeMatch(/\\[1-9]/y) !== undefined)
    throw new RegexSyntaxError("it has a back-reference (a backslash in front of a digit), which is not supported");
  const escaped = scanner.takeMatch(/\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|c[A-Za-z]|.)/sy)?.[0];
  if (escaped !== undefined)
    return /^\\[0-9A-Za-z]/.test(escaped) ? setOf(escaped, "") : setOf(escaped, "", escaped.slice(1));
  if (scanner.take("^")) return assertionOf("textStart");
  if (scanner.take("$")) return assertionOf("textEnd");
  if (scanner.take(".")) return setOf("[^]", "");
  const unit = scanner.takeMatch(/./sy)?.[0] ?? "";
  return setOf(unit, "", unit);
}

/** The atom with the repetition that follows it, if one does. */
function repeated(scanner: Scanner, what: Pattern): Pattern {
  const match = scanner.takeMatch(/(?:[*+?]|\{([0-9]+)(,?)([0-9]*)\})(\??)/y);
  if (match === undefined) return what;
  const [operator = "", low = "", comma = "", high = "", lazy = ""] = match;
  let min = operator.startsWith("+") ? 1 : 0;
  let max = operator.startsWith("?") ? 1 : Number.POSITIVE_INFINITY;
  if (low !== "") {
    min = Number(low);
    if (comma === "") max = min;
    else if (high !== "") max = Number(high);
  }
  const pattern = repeatOf(what, min, max, lazy === "?");
  if (pattern.size > MAX_SIZE) throw new RegexSyntaxError("it is too large");
  return pattern;
}
