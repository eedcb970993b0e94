import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { configFile, makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const LOGROTATE = "/usr/sbin/logrotate";
const WRITER = fileURLToPath(new URL("numbered_writer.ts", import.meta.url));
const skip = existsSync(LOGROTATE) ? false : "needs the program logrotate";
const RATE = 5000;
const ROTATIONS = 10;
/** Between two rotations, in milliseconds: logrotate itself takes 5 to 50. */
const PAUSE = 250;

interface Rotation {
  readonly name: string;
  readonly directives: readonly string[];
  /** The writer opens the file anew after a rotation. */
  readonly reopens: boolean;
  readonly include?: string;
}

const ROTATIONS_TO_TRY: readonly Rotation[] = [
  { name: "create", directives: ["create"], reopens: true },
  { name: "create, compress", directives: ["create", "compress"], reopens: true },
  { name: "create, compress, delaycompress", directives: ["create", "compress", "delaycompress"], reopens: true },
  { name: "create, dateext", directives: ["create", "dateext", "dateformat -%Y%m%d-%s"], reopens: true },
  { name: "create, every name included", directives: ["create"], reopens: true, include: "*" },
  { name: "copytruncate", directives: ["copytruncate"], reopens: false },
  { name: "copytruncate, compress", directives: ["copytruncate", "compress"], reopens: false },
  { name: "copytruncate, dateext", directives: ["copytruncate", "dateext", "dateformat -%Y%m%d-%s"], reopens: false },
  { name: "copytruncate, every name included", directives: ["copytruncate"], reopens: false, include: "*" },
];

for (const rotation of ROTATIONS_TO_TRY) {
  test(`logrotate with ${rotation.name}: each line arrives once`, { skip }, (t) => rotate(t, rotation));
}

async function rotate(t: TestContext, { directives, reopens, include }: Rotation): Promise<void> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "app.log");
  const config = join(place.root, "logrotate.conf");
  writeFileSync(
    config,
    `${log} {\n  rotate 100\n  su root root\n  missingok\n  ${directives.join("\n  ")}\n}\n`.replace(
      "su root root",
      process.geteuid?.() === 0 ? "su root root" : "",
    ),
    { mode: 0o600 },
  );
  if (include !== undefined) {
    const rules = { log: { dirs: [place.logs], include: { glob: [include] } } };
    writeFileSync(configFile(place), JSON.stringify(rules));
  }
  const agent = await startedAgent(t, { place, port: sink.port });
  const writer = spawn(process.execPath, [WRITER, log, String(RATE), "10000000", reopens ? "reopen" : "keep"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => writer.kill("SIGKILL"));
  let said = "";
  writer.stdout.on("data", (chunk) => {
    said += chunk;
  });
  await sink.until(() => sink.texts().length > 0);
  for (let n = 0; n < ROTATIONS; n += 1) {
    // The rotations have to be apart in time: what they race with is the writer, not each other.
    await delay(directives.some((directive) => directive.startsWith("dateformat")) ? 1050 : PAUSE);
    execFileSync(LOGROTATE, ["--force", "--state", join(place.root, "logrotate.state"), config], { stdio: "pipe" });
  }
  writer.kill("SIGTERM");
  await new Promise((resolve) => writer.once("close", resolve));
  const written = Number(said);
  assert.ok(written > ROTATIONS * (PAUSE / 1000) * RATE * 0.8, `the writer wrote only ${written} lines`);

  const numbers = (): number[] => sink.texts().map((text) => Number.parseInt(text, 10));
  // What no file holds any more, nobody can read; what was read before that counts as arrived all the same.
  const onDisk = linesOnDisk(place.logs);
  const kept = [...onDisk].sort((a, b) => a - b);
  await sink.until(() => {
    const arrived = new Set(numbers());
    return kept.every((number) => arrived.has(number));
  }, `every line that is on disk of ${written}`);
  const all = numbers();
  const arrived = new Set(all);
  assert.equal(all.length, arrived.size, `repeated: ${all.length - arrived.size}`);
  const missing = written - arrived.size;
  if (reopens) assert.equal(missing, 0);
  t.diagnostic(
    `${written} lines, ${ROTATIONS} rotations: ${missing} missing, all of them destroyed by the rotation; ` +
      `${arrived.size - onDisk.size} more arrived than the rotated files hold`,
  );
  assert.equal(await agent.stop(), 0);
}

/** Numbers of the lines that the log and its rotated forms hold. */
function linesOnDisk(directory: string): Set<number> {
  const numbers = new Set<number>();
  for (const name of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, name));
    const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
    for (const line of text.split("\n")) if (/^\d+ .*dog$/.test(line)) numbers.add(Number.parseInt(line, 10));
  }
  return numbers;
}
