/**
 * A process that looks into every other one of its user for as long as its input lasts, as a service that runs as the same user
 * could: it prints whose processes it saw, and what is in their descriptors of memory.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

const me = process.getuid?.() ?? -1;
const seen = new Set<string>();
let ended = false;
process.stdin.on("end", () => {
  ended = true;
});
process.stdin.resume();
process.stdout.write("ready\n");
while (!ended) {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) > process.pid)) {
    try {
      const task = `/proc/${pid}/task/${pid}/status`;
      if (!new RegExp(`^Uid:\\t\\d+\\t${me}\\t`, "m").test(readFileSync(task, "utf8"))) continue;
      if (!seen.has(pid)) process.stdout.write(`saw ${pid}\n`);
      seen.add(pid);
      if (statSync(`/proc/${pid}`).uid !== me) continue;
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const path = `/proc/${pid}/fd/${fd}`;
        if (readlinkSync(path).startsWith("/memfd:")) process.stdout.write(`${readFileSync(path, "utf8")}\n`);
      }
    } catch {
      // It has ended, or is out of reach.
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
}
