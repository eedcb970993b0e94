import assert from "node:assert/strict";
import { test } from "node:test";
import { isRotationOf, looksRotatedFrom, rotatedFrom } from "./copies.ts";

/** A name, another, whether the first is by a number or a date a rotated form of that, and whether it looks like one. */
const CASES: readonly (readonly [name: string, original: string, isRotation: boolean, looks: boolean])[] = [
  ["app.log.1", "app.log", true, true],
  ["app.log.12345", "app.log", true, true],
  ["app.log.123456", "app.log", false, true],
  ["app.log-20260102", "app.log", true, true],
  ["app.log-2026-01-02", "app.log", true, true],
  ["app.log.2026-01-02_03", "app.log", true, true],
  ["app.log-20260102-1767322800", "app.log", true, true],
  ["app-20260102.log", "app.log", true, true],
  ["app.1.log", "app.log", true, true],
  ["app.2026-01-02T03.log", "app.log", true, true],
  ["app.log-2026010203.backup", "app.log", true, true],
  ["app.log.backup", "app.log", false, true],
  ["app.log.old", "app.log", false, true],
  ["app.log_copy", "app.log", false, true],
  ["app.logger", "app.log", false, true],
  ["app2.log", "app.log", false, false],
  ["app-errors.log", "app.log", false, false],
  ["app.log", "app.log", false, false],
  ["app.log", "app.log.1", false, false],
  ["app.log.2", "app.log.1", false, false],
  ["other.log.1", "app.log", false, false],
];

test("a name is a rotated form of another by a number or a date, and looks like one by what is put behind it", () => {
  for (const [name, original, isRotation, looks] of CASES) {
    assert.equal(isRotationOf(name, original), isRotation, `${name} is a rotation of ${original}`);
    assert.equal(looksRotatedFrom(name, original), looks, `${name} looks rotated from ${original}`);
  }
});

test("the originals that are tried for a rotated name have the right one among them", () => {
  for (const [name, original, isRotation] of CASES)
    if (isRotation) assert.ok(rotatedFrom(name).includes(original), `${original} for ${name}`);
  assert.deepEqual(rotatedFrom("app-20260102.log"), ["app.log", "app-20260102", "app"]);
  assert.deepEqual(rotatedFrom("syslog"), []);
});

test("a compressed form is never read as a rotated file", () => {
  for (const extension of ["gz", "xz", "bz2", "zst", "lz4", "Z"]) {
    assert.deepEqual(rotatedFrom(`app.log.1.${extension}`), []);
    assert.equal(looksRotatedFrom(`app.log.1.${extension}`, "app.log"), false);
  }
});

test("a name of many digits that is no date is told at once", () => {
  const digits = "0".repeat(200);
  for (const name of [`app-${digits}x.log`, `app.log-${digits}_`, `app.${digits}-T.log`]) {
    assert.equal(isRotationOf(name, "app.log"), false);
    assert.ok(rotatedFrom(name).length > 0);
  }
  assert.equal(isRotationOf(`app-${digits}.log`, "app.log"), true);
  assert.equal(isRotationOf("app-20260102-12.30_59T1.log", "app.log"), true);
});
