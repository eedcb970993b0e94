import { type Buffer, isUtf8 } from "node:buffer";
import { LEVELS } from "@logdna-agent/protocol";
import { eachText, type LineColumns, type LineFields } from "../store/line_columns.ts";
import { isContainerLog } from "./container_line.ts";
import { levelIn } from "./level.ts";
import { MAX_LINES, readFields, repeatsTooMuch, type Sender, timeOf } from "./lines.ts";
import { Refusal } from "./refusal.ts";
import { type Scanned, Scanner } from "./scanner.ts";

/** Names of the scanner's numbers of levels. */
const LEVEL_NAMES = ["", ...LEVELS];
/** The scanner's number for a level that it leaves to `levelIn`. */
const ASK = 255;
/** Bytes in which all characters are that a level is looked for in. */
const LEVEL_BYTES = 1024;

let scanner: Scanner | undefined;

/**
 * Reads the lines of a body as agents write it: an object with nothing but `lines`, each of which begins with its text, which its time
 * may follow. What stands behind these, the same for most lines, is read once. Everything else is left to `readLines`, and this never
 * takes what that would refuse, or reads anything in it differently.
 * @returns undefined for any other body; what is returned has to be released.
 */
export function scanLines(body: Buffer, sender: Sender): LineColumns | undefined {
  if (!isUtf8(body)) return undefined;
  scanner ??= new Scanner();
  const scanned = scanner.scan(body, MAX_LINES);
  if (scanned === undefined) return undefined;
  const lines = repeatsTooMuch(scanned.rows, sender) ? undefined : columnsOf(scanned, sender);
  if (lines === undefined) scanned.release();
  return lines;
}

function columnsOf(scanned: Scanned, sender: Sender): LineColumns | undefined {
  const { rows, texts, release } = scanned;
  const timestamps = new Float64Array(rows);
  const fieldsOf = new Uint32Array(rows);
  const levels: string[] = [];
  const fields: LineFields[] = [];
  /** Times that stand among the fields. */
  const times: (number | undefined)[] = [];
  let asked = false;
  for (let row = 0; row < rows; row += 1) {
    const number = scanned.fields(row);
    const time = scanned.time(row);
    // Numbers are given in the order of the lines.
    if (number === fields.length) {
      const read = fieldsIn(scanned.fieldsText(number), time >= 0, row, sender);
      if (read === undefined) return undefined;
      fields.push(read.fields);
      times.push(read.timestamp);
    }
    fieldsOf[row] = number;
    timestamps[row] = time >= 0 ? timeOf(time, row, sender.received) : (times[number] ?? sender.received);
    const level = scanned.level(row);
    asked ||= level === ASK;
    levels.push(fields[number]?.level ?? LEVEL_NAMES[level] ?? "");
  }
  if (asked)
    eachText(scanned, (row, from, to) => {
      if (scanned.level(row) === ASK && fields[fieldsOf[row] ?? 0]?.level === undefined)
        levels[row] = levelIn(texts.toString("utf8", from, Math.min(to, from + LEVEL_BYTES)));
    });
  return { rows, timestamps, levels, fieldsOf, fields, texts, release };
}

/** Reads what stands behind a line's text and time. @returns undefined for what `readLines` has to say something about. */
function fieldsIn(
  text: string,
  timed: boolean,
  row: number,
  sender: Sender,
): { fields: LineFields; timestamp: number | undefined } | undefined {
  if (!text.startsWith(",")) return undefined;
  try {
    const value = JSON.parse(`{${text.slice(1)}}`) as Record<string, unknown>;
    // What is said twice is read from where it stands last.
    if (Object.hasOwn(value, "line") || (timed && Object.hasOwn(value, "timestamp"))) return undefined;
    const fields = readFields(value, row, sender);
    // Each of its lines says its own time and more.
    if (isContainerLog(fields.file)) return undefined;
    return {
      fields,
      timestamp: Object.hasOwn(value, "timestamp") ? timeOf(value.timestamp, row, sender.received) : undefined,
    };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Refusal) return undefined;
    throw error;
  }
}
