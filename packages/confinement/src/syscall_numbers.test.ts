import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ARCHITECTURES, type Architecture, SYSCALL_NAMES, syscallNumber } from "./syscall_numbers.ts";

/** The headers of the kernel; what they do not have is newer than they are. */
const HEADERS: Readonly<Record<Architecture, string>> = {
  x64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  arm64: "/usr/include/asm-generic/unistd.h",
};

for (const architecture of ARCHITECTURES) {
  const header = HEADERS[architecture];
  test(`${architecture}: the numbers are those of ${header}`, {
    skip: existsSync(header) ? false : `needs ${header}`,
  }, () => {
    const text = readFileSync(header, "utf8");
    const defined = new Map(
      Array.from(text.matchAll(/^#define (?:__NR|__NR3264)_(\w+)\s+(\d+)$/gm), ([, name, number]) => [
        name,
        Number(number),
      ]),
    );
    const highest = Math.max(...defined.values());
    for (const name of SYSCALL_NAMES) {
      const number = syscallNumber(name, architecture);
      if (number === undefined || number <= highest) assert.equal(number, defined.get(name), name);
    }
  });

  test(`${architecture}: no two calls have the same number`, () => {
    const numbers = SYSCALL_NAMES.map((name) => syscallNumber(name, architecture)).filter((one) => one !== undefined);
    assert.equal(new Set(numbers).size, numbers.length);
  });
}
