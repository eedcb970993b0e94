/**
 * A program that attacks a name: `link_swapper.ts NAME TARGET ROUNDS` makes the name in turn a log of its own and a link to
 * the target, by rename, so that at any moment it is one or the other.
 */
import { renameSync, symlinkSync, writeFileSync } from "node:fs";

const [name = "", target = "", rounds = "1000"] = process.argv.slice(2);
for (let n = 0; n < Number(rounds); n += 1) {
  writeFileSync(`${name}.new`, `${n}\n`);
  renameSync(`${name}.new`, name);
  symlinkSync(target, `${name}.link`);
  renameSync(`${name}.link`, name);
}
