import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DoctorReport, LessPower } from "../src/doctor/report.ts";
import { configFile, makePlace, type Place, startedAgent } from "./agent.ts";
import { NOBODY, traces } from "./confinement_bench.ts";
import { LAUNCHER } from "./launcher.ts";
import { startSink } from "./sink.ts";

const KEY = "doctor-key-0123456789";
const skip = process.geteuid?.() === 0 ? false : "needs root, to make files of others";
/** A group and a user that own files here and that nothing else is in. */
const GROUP = 54_321;
const OWNER = 54_322;

interface Examined {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

interface Options {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly wrapper?: readonly string[];
}

function doctor(place: Place, { args = [], env = {}, wrapper = [] }: Options = {}): Examined {
  const all: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    LOGDNA_INGESTION_KEY: KEY,
    LOGDNA_HOST: "127.0.0.1:8443",
    LOGDNA_DB_PATH: place.state,
    LOGDNA_CONFIG_FILE: configFile(place),
    ...env,
  };
  const [command, ...rest] = [...wrapper, LAUNCHER, "doctor", ...args] as [string, ...string[]];
  const { status, stdout, stderr } = spawnSync(command, rest, {
    env: Object.fromEntries(Object.entries(all).filter((entry) => entry[1] !== undefined)),
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, output: stdout, errors: stderr };
}

function reportOf(place: Place, options: Options = {}): DoctorReport {
  const { output, errors } = doctor(place, { ...options, args: ["--json", ...(options.args ?? [])] });
  assert.notEqual(output, "", errors);
  return JSON.parse(output) as DoctorReport;
}

/** Logs of every kind: for all, for a group, for root, for another user, and behind a directory that is for its owner. */
function kinds(): { place: Place; path: (name: string) => string } {
  const place = makePlace();
  const path = (name: string): string => join(place.logs, name);
  for (const directory of [place.root, place.logs]) chmodSync(directory, 0o755);
  const make = (name: string, mode: number, uid: number, gid: number): void => {
    writeFileSync(path(name), "a line\n");
    chownSync(path(name), uid, gid);
    chmodSync(path(name), mode);
  };
  make("all.log", 0o644, 0, 0);
  make("group.log", 0o640, 0, GROUP);
  make("root.log", 0o600, 0, 0);
  make("owner.log", 0o600, OWNER, OWNER);
  mkdirSync(path("private"));
  make("private/open.log", 0o644, OWNER, OWNER);
  chownSync(path("private"), OWNER, GROUP);
  chmodSync(path("private"), 0o750);
  return { place, path };
}

const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];

test("each file's need is told, and everything else is tried and refused", { skip }, () => {
  const { place, path } = kinds();
  configFile(place);
  const before = readdirSync(place.root);
  const files = ["all.log", "group.log", "root.log", "owner.log"].map(path);
  const traced = files.map((file) => ({ ...(traces(file) as object), atimeNs: 0 }));
  const report = reportOf(place);
  assert.deepEqual(
    report.files.needs.map(({ need, groups, count, examples }) => ({ need, groups, count, examples })),
    [
      { need: "capability", groups: [], count: 1, examples: [path("owner.log")] },
      { need: "capability", groups: [], count: 1, examples: [path("root.log")] },
      { need: "group", groups: [String(GROUP)], count: 1, examples: [path("group.log")] },
      { need: "group", groups: [String(GROUP)], count: 1, examples: [path("private/open.log")] },
      { need: "nothing", groups: [], count: 1, examples: [path("all.log")] },
    ],
  );
  assert.match(report.files.needs[3]?.because ?? "", /the directory .*\/private has mode 0750, 54322:54321/);
  assert.deepEqual(report.files.unreadable, []);
  assert.equal(report.policy?.keepCapability, true);
  assert.deepEqual(report.layers.excesses, []);
  assert.equal(report.layers.notTried, undefined);
  assert.equal(report.layers.refusals.length, 6);
  for (const { what, refused, code } of report.layers.refusals) assert.ok(refused, `${what}: ${code}`);
  assert.deepEqual(report.verdict.problems, []);
  assert.deepEqual(readdirSync(place.root), before, "nothing was made, and nothing is left");
  assert.deepEqual(
    files.map((file) => ({ ...(traces(file) as object), atimeNs: 0 })),
    traced,
  );
});

test("what it says of the agent is what the agent then is", { skip }, async (t) => {
  const { place, path } = kinds();
  const sink = await startSink();
  t.after(() => sink.close());
  const report = reportOf(place);
  const agent = await startedAgent(t, { place, port: sink.port });
  const { uid, capability, layers } = await agent.logged(({ event }) => event === "confined");
  assert.equal(uid, report.host.becomes.uid);
  assert.equal(capability, "CAP_DAC_READ_SEARCH");
  const applied = report.layers.outcomes.filter(({ state }) => state === "applied").map(({ layer }) => layer);
  assert.deepEqual(layers, applied);
  const names = ["all.log", "group.log", "root.log", "owner.log", "private/open.log"];
  for (const name of names) appendFileSync(path(name), `from ${name}\n`);
  for (const name of names) await sink.until(() => sink.texts().includes(`from ${name}`), name);
});

/** Which of the files a process can read that is started in a certain way. */
function unreadableWith(wrapper: readonly string[], files: readonly string[]): string[] {
  const script =
    "for (const f of process.argv.slice(1)) try { require('node:fs').readFileSync(f) } catch { console.log(f) }";
  const line = [...wrapper, process.execPath, "-e", script, ...files] as [string, ...string[]];
  const { stdout, stderr, status } = spawnSync(line[0], line.slice(1), { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.split("\n").filter((file) => file !== "");
}

test("each way to run it with less misses what it is said to miss", { skip }, () => {
  const { place, path } = kinds();
  const { lessPower } = reportOf(place);
  const all = ["all.log", "group.log", "root.log", "owner.log", "private/open.log"].map(path);
  const way = (title: RegExp): LessPower => {
    const found = lessPower.find((candidate) => title.test(candidate.title));
    assert.ok(found, String(title));
    return found;
  };
  const misses = (title: RegExp, wrapper: readonly string[]): void => {
    const { misses: number, examples } = way(title);
    const missed = unreadableWith(wrapper, all);
    assert.equal(number, missed.length, `${title}: ${missed}`);
    assert.deepEqual(examples.toSorted(), missed.toSorted());
  };
  const user = (groups: string, ...more: string[]): string[] => [
    "setpriv",
    "--reuid=60000",
    "--regid=60000",
    groups,
    ...more,
    "--",
  ];
  assert.match(way(/the one capability$/).text, /^AmbientCapabilities=CAP_DAC_READ_SEARCH$/m);
  const given = [
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
  ];
  misses(/systemd.* the one capability$/, user("--clear-groups", ...given));
  assert.match(way(/in the groups/).text, /^SupplementaryGroups=54321$/m);
  misses(/in the groups/, user(`--groups=${GROUP}`));
  misses(/root by number/, ["setpriv", "--clear-groups", "--bounding-set=-all", "--"]);
  misses(/not root/, user(`--groups=${GROUP}`));
});

test("access control lists, set as it says, let a user in without any capability", {
  skip: skip || (existsSync("/usr/bin/setfacl") ? false : "needs setfacl"),
}, () => {
  const { place, path } = kinds();
  const { text } = reportOf(place).lessPower.find(({ title }) => title.startsWith("access control lists")) ?? {
    text: "",
  };
  const commands = text.split("\n").filter((line) => line.startsWith("setfacl "));
  assert.equal(commands.length, 2);
  for (const command of commands) {
    const [program = "", ...args] = command.replace("u:logdna-agent:", `u:${NOBODY}:`).split(" ");
    assert.equal(spawnSync(program, args).status, 0, command);
  }
  const after = reportOf(place);
  assert.deepEqual(
    after.files.needs.map(({ need }) => need).filter((need) => need !== "nothing"),
    [],
  );
  assert.equal(reportOf(place, { wrapper: AS_NOBODY, env: { LOGDNA_DB_PATH: "/dev/shm" } }).files.unreadable.length, 0);
  // The mask of a file that is made private takes the entry's rights away, as is told.
  writeFileSync(path("late.log"), "late\n", { mode: 0o600 });
  const late = reportOf(place);
  assert.deepEqual(late.files.needs.find(({ need }) => need === "capability")?.examples, [path("late.log")]);
});

test("an ordinary user is told what it cannot read, and the exit status says so", { skip }, () => {
  const { place, path } = kinds();
  mkdirSync(place.state);
  chownSync(place.state, NOBODY, NOBODY);
  const options: Options = { wrapper: AS_NOBODY };
  const report = reportOf(place, options);
  assert.deepEqual(report.files.unreadable, ["group.log", "owner.log", "root.log"].map(path));
  assert.deepEqual(report.files.closed, [path("private")]);
  assert.equal(report.verdict.state, "not ready");
  assert.equal(doctor(place, options).status, 1);
  const groups = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, `--groups=${GROUP}`, "--"];
  const member = reportOf(place, { wrapper: groups });
  assert.deepEqual(member.files.unreadable, ["owner.log", "root.log"].map(path));
});

test("a layer that is required and missing is a problem; at best effort it is a warning", { skip }, () => {
  const { place, path } = kinds();
  for (const name of ["group.log", "root.log", "owner.log"]) chmodSync(path(name), 0o644);
  chmodSync(path("private"), 0o755);
  const without = { wrapper: ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] };
  const best = reportOf(place, without);
  assert.deepEqual(best.verdict.problems, []);
  assert.equal(best.verdict.state, "partly");
  assert.ok(best.verdict.warnings.some((warning) => /"mounts" is unavailable: .* can be written to/.test(warning)));
  const required = doctor(place, { ...without, env: { LOGDNA_CONFINEMENT: "required" } });
  assert.equal(required.status, 1);
  assert.match(required.output, /✖ the layer "mounts" is unavailable: /);
});

test("switched off, that is the verdict", { skip }, () => {
  const { place } = kinds();
  const { policy, verdict } = reportOf(place, { env: { LOGDNA_CONFINEMENT: "off" } });
  assert.equal(policy, undefined);
  assert.equal(verdict.state, "not confined");
});

test("no key is a problem, and the rest is told all the same; the key is not shown", () => {
  const place = makePlace();
  writeFileSync(join(place.logs, "a.log"), "");
  const without = doctor(place, { env: { LOGDNA_INGESTION_KEY: undefined } });
  assert.equal(without.status, 1);
  assert.match(without.output, /✖ there is no ingestion key: set LOGDNA_INGESTION_KEY/);
  assert.match(without.output, /1 file, 0 bytes, in /);
  const json = doctor(place, { args: ["--json", "-k", KEY] });
  for (const text of [json.output, json.errors, doctor(place).output]) assert.ok(!text.includes(KEY));
});

test("errors of the configuration are told as a run tells them", () => {
  const { status, output, errors } = doctor(makePlace(), { env: { LOGDNA_CONFINEMENT: "sometimes" } });
  assert.equal(status, 22);
  assert.equal(output, "");
  assert.match(errors, /LOGDNA_CONFINEMENT/);
});

test("a file name cannot steer the terminal", { skip }, () => {
  const { place, path } = kinds();
  writeFileSync(path("\u001b]0;owned\u0007.log"), "", { mode: 0o600 });
  const { output } = doctor(place);
  assert.ok(output.includes("\\x1b]0;owned\\x07.log"));
  assert.ok(!output.includes("\u001b"));
  assert.ok(!doctor(place, { args: ["--json"] }).output.includes("\u001b"));
});

test("nft takes the rules, and they name the destination and the name servers alone", {
  skip: skip || (existsSync("/usr/sbin/nft") ? false : "needs nft"),
}, () => {
  const { place } = kinds();
  const { nftables, networkPolicy } = reportOf(place, { env: { LOGDNA_HOST: "[2001:db8::7]:8443" } }).firewall;
  const checked = spawnSync("/usr/sbin/nft", ["--check", "--file", "-"], { input: nftables, encoding: "utf8" });
  assert.equal(checked.status, 0, checked.stderr);
  assert.match(nftables, /ip6 daddr \{ 2001:db8::7 \} tcp dport 8443 accept/);
  assert.match(nftables, /^ {4}counter reject/m);
  assert.match(networkPolicy, /cidr: 2001:db8::7\/128/);
});

test("help tells of it", () => {
  const place = makePlace();
  assert.match(doctor(place, { args: ["--help"] }).output, /^Usage: logdna-agent doctor/);
  const { stdout } = spawnSync(LAUNCHER, ["--help"], { encoding: "utf8" });
  assert.match(stdout, /^ {2}doctor$/m);
});
