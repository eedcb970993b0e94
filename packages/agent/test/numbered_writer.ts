/**
 * A program that appends numbered lines: `numbered_writer.ts FILE RATE COUNT`, RATE lines a second in steps of 10 ms. With
 * `reopen` as a further argument it opens the file anew when that has another inode than the one it writes to, as daemons
 * do after a rotation; on SIGTERM it ends. Prints the number of lines that it has written.
 */
import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";

const [path = "", rate = "1000", count = "1000", reopen] = process.argv.slice(2);
const perStep = Math.max(1, Math.round(Number(rate) / 100));
const last = Number(count);
let fd = openSync(path, "a", 0o600);
let next = 0;

function inode(): number {
  try {
    return statSync(path).ino;
  } catch {
    return -1;
  }
}

function end(): void {
  clearInterval(timer);
  process.stdout.write(`${next}\n`);
  process.exit(0);
}

const begun = performance.now();
const timer = setInterval(() => {
  if (reopen === "reopen" && inode() !== fstatSync(fd).ino) {
    closeSync(fd);
    fd = openSync(path, "a", 0o600);
  }
  const due = Math.min(last, Math.ceil(((performance.now() - begun) / 10) * perStep));
  while (next < due) {
    const upTo = Math.min(due, next + perStep);
    let block = "";
    for (; next < upTo; next += 1) block += `${next} the quick brown fox jumps over the lazy dog\n`;
    writeSync(fd, block);
  }
  if (next >= last) end();
}, 10);
process.on("SIGTERM", end);
