import { existsSync, renameSync } from "node:fs";
import { test } from "node:test";
import { agreesWithDisk, makeGround, tells, until, watch } from "./recorder.ts";

for (const after of [1, 3, 10, 25]) {
  test(`a directory that is renamed while it is scanned, after ${after} names, loses nothing in it`, async (t) => {
    const ground = makeGround(t);
    for (let n = 0; n < 8; n++)
      for (const depth of ["", "1", "1/2", "1/2/3"]) ground.write(`outside/a/${n}/${depth}/file`);
    ground.mkdir("root");
    // Two reads within twice this pause, and the next is that long in coming: the scan goes on with names that are not true.
    const { told } = await watch(ground, { roots: [ground.at("root")], pauseMs: 100 });
    ground.write("root/first");
    await tells(told, ground.at("root"), "first");
    told.onEntry = () => {
      if (told.names.size > after && !existsSync(ground.at("root/b")))
        renameSync(ground.at("root/a"), ground.at("root/b"));
    };
    renameSync(ground.at("outside/a"), ground.at("root/a"));
    await until(() => existsSync(ground.at("root/b")));
    await agreesWithDisk(told, [ground.at("root")]);
  });
}
