import { type BigIntStats, fstatSync, lstatSync } from "node:fs";

/** What a name, or an open file, is now; undefined where that cannot be told. */
export function statOf(file: string | number): BigIntStats | undefined {
  try {
    return typeof file === "string" ? lstatSync(file, { bigint: true }) : fstatSync(file, { bigint: true });
  } catch {
    return undefined;
  }
}
