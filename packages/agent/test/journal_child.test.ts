import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildPolicy } from "@logdna-agent/confinement";
import { makePlace } from "./agent.ts";
import { NOBODY, PROGRAM, REPOSITORY, refused } from "./confinement_bench.ts";
import type { JournalProbeInput, JournalProbeReport } from "./journal_child_probe.ts";

const PROBE = fileURLToPath(new URL("journal_child_probe.ts", import.meta.url));
const JOURNALCTL = "/usr/bin/journalctl";
/** Makes journals out of text; its package has the same name. */
const JOURNAL_REMOTE = "/lib/systemd/systemd-journal-remote";

/** Makes a journal that only root may read; gives its directory. */
function journalOf(root: string, messages: readonly string[]): string {
  const directory = join(root, "journal");
  mkdirSync(directory, { mode: 0o700 });
  const file = join(directory, "test.journal");
  // The export format: systemd.io/JOURNAL_EXPORT_FORMATS.
  const entries = messages.map((message, n) =>
    [
      `__REALTIME_TIMESTAMP=${1_700_000_000_000_000 + n}`,
      `__MONOTONIC_TIMESTAMP=${1000 + n}`,
      "_BOOT_ID=0123456789abcdef0123456789abcdef",
      `MESSAGE=${message}`,
      "\n",
    ].join("\n"),
  );
  execFileSync(JOURNAL_REMOTE, ["--output", file, "-"], { input: entries.join(""), stdio: ["pipe", "pipe", "pipe"] });
  chmodSync(file, 0o600);
  return directory;
}

/** Runs the probe until it has reported; it stays until the test ends. */
async function probed(t: TestContext, input: JournalProbeInput): Promise<JournalProbeReport> {
  const args = ["--disable-warning=ExperimentalWarning", PROBE, JSON.stringify(input)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(async () => {
    child.stdin.end();
    await once(child, "close");
  });
  let output = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    output += chunk.toString();
    if (output.endsWith("\n")) break;
  }
  return JSON.parse(output) as JournalProbeReport;
}

test("a confined process reads a journal through journalctl, which is as confined, and runs nothing else", {
  skip:
    refused || [JOURNALCTL, JOURNAL_REMOTE].flatMap((path) => (existsSync(path) ? [] : `needs ${path}`))[0] || false,
}, async (t) => {
  const place = makePlace();
  const journal = journalOf(place.root, ["first", "second"]);
  const policy = buildPolicy({
    program: "logdna-agent",
    stateFlag: "--db-path",
    mode: "required",
    roots: [journal],
    stateDirectory: place.state,
    programPaths: ["packages", "node_modules", "package.json"].map((name) => join(REPOSITORY, name)),
    configPaths: [],
    caPaths: [],
    executable: process.execPath,
    programs: [JOURNALCTL],
    connectPorts: [],
    bindPorts: [],
    user: { uid: NOBODY, gid: NOBODY },
  });
  const reading = [JOURNALCTL, "--directory", journal, "--output", "export", "--no-pager"] as const;
  const { results, excesses, lasting } = await probed(t, {
    policy,
    commands: [
      reading,
      [JOURNALCTL, "--file", "/etc/shadow"],
      // Asks the daemon, by a unix socket.
      [JOURNALCTL, "--rotate"],
      ["/bin/sh", "-c", "exit 0"],
      [PROGRAM],
    ],
    lasting: [...reading, "--follow"],
  });
  const [read, shadow, rotate, ...others] = results;
  assert.deepEqual(excesses, []);
  assert.deepEqual(read?.stdout.match(/(?<=^MESSAGE=).*/gm), ["first", "second"]);
  assert.equal(read?.status, 0);
  assert.equal(shadow?.status, 1);
  assert.match(shadow?.stderr ?? "", /Permission denied/);
  assert.equal(rotate?.status, 1);
  assert.match(rotate?.stderr ?? "", /Operation not permitted/);
  assert.deepEqual(
    others.map(({ error }) => error),
    ["EACCES", "EACCES"],
  );
  assert.match(lasting.stdout, /MESSAGE=first/);
  const status = readFileSync(`/proc/${lasting.pid}/status`, "utf8");
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];
  assert.equal(field("Name"), "journalctl");
  assert.equal(field("Uid"), Array(4).fill(NOBODY).join("\t"));
  assert.equal(field("NoNewPrivs"), "1");
  assert.equal(field("Seccomp"), "2");
  // CAP_DAC_READ_SEARCH is number 2: `<linux/capability.h>`. Without it the journal could not be read.
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    assert.equal(field(set), "0000000000000004", set);
});
