/**
 * A module that node(1) loads before the agent (`--import`): the wall clock as JavaScript sees it is off by what a file says,
 * in milliseconds. A time namespace shifts no wall clock, and the machine's own must be left alone.
 */
import { readFileSync } from "node:fs";

const LOOK_MS = 10;

let offset = 0;
const now = Date.now;

function look(): void {
  try {
    offset = Number(readFileSync(process.env.CLOCK_OFFSET_FILE ?? "", "utf8")) || 0;
  } catch {
    // The image before the confinement has no such file, or the file is just being written.
  }
}

look();
setInterval(look, LOOK_MS).unref();
Date.now = () => now() + offset;
