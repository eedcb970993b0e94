import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { StatusReport } from "./report.ts";
import { isUsable, STATUS_FILE } from "./status_file.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** How often a reader looks again that came in the middle of a change. */
const LOOKS = 5;

const COUNT = z.number();
const REPORT: z.ZodType<StatusReport> = z.looseObject({
  version: z.string(),
  pid: z.int().positive(),
  startedAt: COUNT,
  writtenAt: COUNT,
  destination: z.string(),
  notReady: z.string().optional(),
  lastError: z.looseObject({ at: COUNT, text: z.string() }).optional(),
  confinement: z.looseObject({ layers: z.array(z.string()), complete: z.boolean() }),
  requestsInFlight: COUNT,
  files: z.looseObject({ followed: COUNT, open: COUNT }),
  backlog: z.looseObject({
    bytes: COUNT,
    files: z.array(z.looseObject({ path: z.string(), unread: COUNT, size: COUNT })),
  }),
  accounting: z.looseObject({
    read: COUNT,
    shipped: COUNT,
    excluded: COUNT,
    dropped: COUNT,
    givenBack: COUNT,
    inFlight: COUNT,
  }),
  linesShipped: COUNT,
}) as z.ZodType<StatusReport>;

/**
 * Reads what an agent told last. Whatever its user has put there harms no reader, who may be root: links are not followed, and
 * nothing is waited for.
 * @throws an error of the system, or of the content.
 */
export function readStatus(stateDirectory: string): StatusReport {
  for (let look = 1; ; look += 1) {
    const text = read(join(stateDirectory, STATUS_FILE));
    try {
      return REPORT.parse(JSON.parse(text));
    } catch (error) {
      if (look === LOOKS) throw error;
    }
  }
}

function read(path: string): string {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!isUsable(stat)) throw new Error("it is no file of an agent's");
    const bytes = Buffer.alloc(stat.size);
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
