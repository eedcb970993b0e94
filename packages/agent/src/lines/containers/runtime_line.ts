import { Buffer } from "node:buffer";

/** A line as a container runtime writes it. Texts have one character for each byte, as in latin1. */
export interface RuntimeLine {
  readonly stream: string;
  /** When the runtime got it, as it is written: RFC 3339. */
  readonly time: string;
  /** It ends a line of the container; otherwise that goes on in the next line of the same stream. */
  readonly ends: boolean;
  /** What the container has written, in the runtime's escaping, without a line end of the format's own. */
  readonly text: string;
  readonly format: RuntimeFormat;
  /** All of the line that is not its text, for `written`. */
  readonly frame: string;
}

/** What a container runtime writes lines as, and how they are put together again. */
interface RuntimeFormat {
  /** What stands between the texts of two lines of the container. */
  readonly between: string;
  /** One line of the runtime for several, with the time of the first. @param last tells whether that ends the line. */
  written(first: RuntimeLine, text: string, last: RuntimeLine): string;
  /** What the container has written, as UTF-8; undefined where it cannot be read. */
  plain(text: string): Buffer | undefined;
}

/** The Kubernetes CRI's `TIME STREAM TAG TEXT`; of several tags the first one tells whether the line ends (`F`) or goes on (`P`). */
const CRI_LINE =
  /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[-+]\d\d:\d\d)) (stdout|stderr) ([FP])((?::[^ \r\n]{0,64})?)(?: |(?=[\r\n]|$))/y;

const CRI: RuntimeFormat = {
  between: "\n",
  written: ({ time, stream }, text, { frame }) => `${time} ${stream} ${frame} ${text}`,
  plain: (text) => Buffer.from(text, "latin1"),
};

/** Docker's json-file: `{"log":"TEXT\n","stream":"STREAM","time":"TIME"}`, with `"attrs":{…}` in front of the time where they are wanted. */
const DOCKER_HEAD = '{"log":"';
/** No text has this: a quotation mark within is escaped. */
const DOCKER_STREAM = '","stream":"';
const DOCKER_TAIL = /^","stream":"(stdout|stderr)"(?:,"attrs":\{.*\})?,"time":"([^"\\]{20,40})"\}$/;

const DOCKER: RuntimeFormat = {
  between: "",
  written: ({ frame }, text) => `${DOCKER_HEAD}${text}${frame}`,
  plain(text) {
    try {
      const value: unknown = JSON.parse(`"${Buffer.from(text, "latin1").toString("utf8")}"`);
      return typeof value === "string" ? Buffer.from(value) : undefined;
    } catch {
      return undefined;
    }
  },
};

/**
 * Reads a line of a runtime.
 * @param from where in the text it begins.
 * @param to where it ends, its line end left out.
 * @returns undefined for any other line.
 */
export function runtimeLine(text: string, from: number, to: number): RuntimeLine | undefined {
  return text[from] === "{" ? dockerLine(text, from, to) : criLine(text, from, to);
}

function criLine(text: string, from: number, to: number): RuntimeLine | undefined {
  CRI_LINE.lastIndex = from;
  const [header, time, stream, tag, more = ""] = CRI_LINE.exec(text) ?? [];
  if (header === undefined || time === undefined || stream === undefined || from + header.length > to) return undefined;
  const line = text.slice(from + header.length, to);
  return { stream, time, ends: tag === "F", text: line, format: CRI, frame: `${tag}${more}` };
}

function dockerLine(text: string, from: number, to: number): RuntimeLine | undefined {
  if (!text.startsWith(DOCKER_HEAD, from)) return undefined;
  const end = text.indexOf(DOCKER_STREAM, from + DOCKER_HEAD.length);
  if (end < 0 || end >= to) return undefined;
  const frame = text.slice(end, to);
  const [, stream, time] = DOCKER_TAIL.exec(frame) ?? [];
  if (stream === undefined || time === undefined) return undefined;
  const line = text.slice(from + DOCKER_HEAD.length, end);
  return { stream, time, ends: endsDockerLine(text, end), text: line, format: DOCKER, frame };
}

const CRI_CUT = /std(?:out|err) P/g;

/**
 * Where the next line begins that may go on, at a place or behind it; the end of the text where none does. Most texts have none, so this
 * is one search.
 */
export function nextCut(text: string, from: number): number {
  if (text[from] === "{") {
    for (let at = text.indexOf(DOCKER_STREAM, from); at >= 0; at = text.indexOf(DOCKER_STREAM, at + 1))
      if (!endsDockerLine(text, at)) return Math.max(from, text.lastIndexOf("\n", at) + 1);
    return text.length;
  }
  CRI_CUT.lastIndex = from;
  const found = CRI_CUT.exec(text);
  return found === null ? text.length : Math.max(from, text.lastIndexOf("\n", found.index) + 1);
}

const BACKSLASH = 92;
const LETTER_N = 110;

/** Whether a text that ends at a place has an escaped newline there: an `n` behind an odd number of backslashes. */
function endsDockerLine(text: string, end: number): boolean {
  if (text.charCodeAt(end - 1) !== LETTER_N) return false;
  let at = end - 2;
  while (at >= 0 && text.charCodeAt(at) === BACKSLASH) at -= 1;
  return (end - 2 - at) % 2 === 1;
}

/** A time as runtimes write it, in milliseconds since the epoch; undefined where it is none. */
export function runtimeTime(time: string): number | undefined {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}
