import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { LAUNCHER } from "./launcher.ts";
import { startSink } from "./sink.ts";

/** EINVAL, as in the existing agents. */
const CONFIG_ERROR = 22;

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

function preview(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Ended {
  const ended = spawnSync(LAUNCHER, ["preview", ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: "utf8",
    input,
    maxBuffer: 1 << 28,
  });
  return { status: ended.status, output: ended.stdout, errors: ended.stderr };
}

interface Told {
  readonly kind: string;
  readonly [field: string]: unknown;
}

function told(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Told[] {
  const { status, output, errors } = preview(["--json", ...args], env, input);
  assert.equal(status, 0, errors);
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);
}

/** A configuration of a place, and a log in it. */
function placed(yaml: string, content: string): { place: Place; config: string; log: string } {
  const place = makePlace();
  const config = join(place.root, "config.yaml");
  const log = join(place.logs, "app.log");
  writeFileSync(config, `log:\n  dirs: [${place.logs}]\n  db_path: ${place.state}\n${yaml}`);
  writeFileSync(log, content);
  chmodSync(place.root, 0o755);
  return { place, config, log };
}

test("a preview is what an agent with the same configuration ships, in text and fields", async (t) => {
  const lines = [
    "one a@example.com",
    "GET /healthz",
    "java.lang.IllegalStateException: no",
    "\tat a.b.C.d(C.java:1)",
    "token=abc",
    "",
    `${"long ".repeat(20_000)}b@example.com`,
    "end",
  ];
  const rules = [
    "  redact: [email]",
    "  redact_as: hash",
    "  line_exclusion_regex: ['/healthz']",
    "  multiline: [java]",
    "  rules:",
    "    - path: '*/app.log'",
    "      app: shop",
    "      tags: [x]",
    "      line_redact_regex: ['token=\\S+']",
  ];
  const { place, config, log } = placed(`${rules.join("\n")}\n`, `${lines.join("\n")}\n`);
  const sink = await startSink();
  t.after(() => sink.close());
  const env = { LOGDNA_CONFIG_FILE: config, LOGDNA_LOOKBACK: "start" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("end"));
  await agent.stop();
  const before = readdirSync(place.state);
  const shown = told(["-c", config, log]).filter(({ kind, shipped }) => kind === "line" && shipped === true);
  assert.deepEqual(
    shown.map(({ text, fields }) => ({ ...(fields as object), line: text })),
    sink.lines().map(({ timestamp: _, ...line }) => line),
  );
  assert.deepEqual(readdirSync(place.state), before);
});

test("it connects to nothing, and neither makes a state nor changes one", async (t) => {
  const server = createServer((socket) => socket.destroy());
  let connections = 0;
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { place, config, log } = placed("  redact: [email]\n  redact_as: hash\n", "a@example.com\nb\n");
  const env = { LOGDNA_CONFIG_FILE: config, LOGDNA_HOST: `127.0.0.1:${port}`, LOGDNA_USE_SSL: "false" };
  const { status, output } = preview([log], env);
  assert.equal(status, 0);
  assert.match(output, /^~ +1 {2}\[email:[0-9a-f]{16}\] {2}← log\.redact email$/m);
  assert.match(output, /^Note: hashes are others than the agent's: its salt in .*state is not there yet/m);
  assert.equal(existsSync(place.state), false);

  mkdirSync(place.state, { mode: 0o700 });
  assert.match(preview([log], env).output, /^Note: hashes/m);
  assert.deepEqual(readdirSync(place.state), []);
  writeFileSync(join(place.state, "redaction.salt"), Buffer.alloc(32, 1), { mode: 0o600 });
  const [one, other] = [preview([log], env), preview([log], env)];
  assert.doesNotMatch(one.output, /^Note/m);
  assert.equal(one.output, other.output);
  assert.deepEqual(readdirSync(place.state), ["redaction.salt"]);

  // Connections come in their order: another would have come before this one.
  const socket = connect(port, "127.0.0.1");
  await once(socket, "close");
  assert.equal(connections, 1);
});

test("a file that cannot be read is told, the others are shown, and the status is 1", () => {
  const { place, config, log } = placed("", "one\n");
  const fifo = join(place.logs, "fifo.log");
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  const { status, output, errors } = preview(["-c", config, join(place.logs, "none.log"), fifo, place.logs, log]);
  assert.equal(status, 1);
  assert.match(
    errors,
    /none\.log: there is no such file\n.*fifo\.log: it is a FIFO, not a regular file\n.*: it is a directory/,
  );
  assert.match(output, /^ +1 {2}one$/m);
  assert.match(output, /^3 files could not be read$/m);
});

test("what is wrong with the command line or the configuration is told with status 22", () => {
  const { config, log } = placed("", "one\n");
  for (const [args, message] of [
    [["-c", config], /name a file whose lines are to be shown, or - for standard input/],
    [["-c", config, log, "--lines", "0"], /--lines: must be a number of lines from 1/],
    [["-c", config, log, "--only", "all"], /--only: must be one of shipped, excluded, redacted/],
    [["-c", config, log, "--as", "app.log"], /--as: must be an absolute path/],
    [["-c", config, log, log, "--as", "/app.log"], /--as: is the path of one file/],
    [["-c", config, "-", "-"], /- can be given once only/],
    [["-c", config, log, "--line-exclusion", "(?=a)"], /^flag --line-exclusion: .*look-around.*\n$/],
    [["-c", config, log, "--as"], /--as: needs a value/],
  ] as const) {
    const { status, output, errors } = preview(args);
    assert.equal(status, CONFIG_ERROR, errors);
    assert.equal(output, "");
    assert.match(errors, message);
  }
  const { status, output } = preview(["--help"]);
  assert.equal(status, 0);
  assert.match(output, /^Usage: logdna-agent preview /);
});

test("rules come from flags and variables, too, and each says where it is from", () => {
  const { config, log } = placed("", "from a flag\nfrom a variable\nneither\n");
  const lines = told(["-c", config, log, "--line-exclusion", "flag"], { MZ_REDACT_REGEX: "variable" });
  const excluded = {
    by: "exclusion",
    rules: [{ option: "log.line_exclusion_regex", rule: "flag", source: "flag --line-exclusion" }],
  };
  assert.deepEqual(lines[1]?.excluded, excluded);
  const by = [{ option: "log.line_redact_regex", rule: "variable", source: "variable MZ_REDACT_REGEX" }];
  assert.deepEqual(lines[2]?.redactions, [{ start: 7, end: 17, by }]);
  assert.equal(lines[3]?.text, "neither");
});

test("nothing in a log, or in its name, acts on the terminal", () => {
  const { place, config } = placed("  line_exclusion_regex: [x]\n", "");
  const log = join(place.logs, "\u001b]0;a\u0007\u202e.log");
  writeFileSync(log, "\u001b[2J a\u009b1m\r\rb\u202e\0 x\n\u001b[2J a\u009b1m\u0085b\u2028\n");
  for (const args of [[], ["--json"]]) {
    const { status, output } = preview(["-c", config, log, ...args]);
    assert.equal(status, 0);
    assert.doesNotMatch(output, /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]/);
  }
});

test("what comes through a pipe is shown as a file is, long lines and all", () => {
  const long = "0123456789 ".repeat(150_000);
  const content = `short\n${long} a@example.com ${long}\n${"many lines\n".repeat(100_000)}${long}${long}x\nlast`;
  const { config, log } = placed("  redact: [email]\n  line_exclusion_regex: ['[0-9]x$']\n", content);
  const args = ["-c", config, "--as", log];
  const file = told([...args, log]);
  const pipe = told([...args, "-"], {}, content);
  const lines = (all: readonly Told[]): unknown[] => all.slice(1, -1).map(({ path: _, ...line }) => line);
  assert.deepEqual(lines(pipe), lines(file));
  const { read } = (file.at(-1)?.bytes ?? {}) as { readonly read?: number };
  assert.equal(read, Buffer.byteLength(content));
});

test("whoever reads the preview may stop at any time", async () => {
  const { config, log } = placed("", "a line of a log\n".repeat(500_000));
  const child = spawn(LAUNCHER, ["preview", "-c", config, log], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [status] = await once(child, "close");
  assert.deepEqual([status, errors], [0, ""]);
});

test("started as root, it reads what only root may read, and is another user while it looks at lines", {
  skip: process.geteuid?.() === 0 ? false : "needs root",
}, async () => {
  const { config, log } = placed("", "of root\n");
  chmodSync(log, 0o600);
  const child = spawn(LAUNCHER, ["preview", "-c", config, log, "-"], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  await eventually(() => output.includes("of root"), "the file is shown");
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  child.stdin.end("of stdin\n");
  const [code] = await once(child, "close");
  assert.match(status, /^Uid:(?:\t[1-9]\d*){4}$/m);
  assert.match(status, /^Gid:(?:\t[1-9]\d*){4}$/m);
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, /^Groups:\t\s*$/m);
  assert.equal(code, 0);
  assert.match(output, /of stdin/);
});
