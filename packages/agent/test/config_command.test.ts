import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ConfigReport, OptionReport } from "../src/config_report/report.ts";
import { makePlace, type Place } from "./agent.ts";
import { LAUNCHER } from "./launcher.ts";

const SCHEMA = fileURLToPath(new URL("../../../docs/configuration.schema.json", import.meta.url));
const KEY = "the-secret-key-0123456789";
/** EINVAL, as in the existing agents. */
const CONFIG_ERROR = 22;

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

function agent(args: readonly string[], env: Readonly<Record<string, string>> = {}, wrapper: string[] = []): Ended {
  const [command = "", ...rest] = [...wrapper, LAUNCHER, ...args];
  const options = { env: { PATH: process.env.PATH, ...env }, encoding: "utf8", timeout: 20_000 } as const;
  const ended = spawnSync(command, rest, options);
  return { status: ended.status, output: ended.stdout, errors: ended.stderr };
}

/** A configuration file of a place, which everyone may read. */
function fileOf(place: Place, content: string, name = "config.yaml"): string {
  const path = join(place.root, name);
  writeFileSync(path, content, { mode: 0o644 });
  chmodSync(place.root, 0o755);
  return path;
}

function openedNew(path: string): string {
  writeFileSync(path, "");
  return path;
}

function reported(args: readonly string[], env: Readonly<Record<string, string>> = {}): (name: string) => OptionReport {
  const { status, output, errors } = agent(["config", "--json", ...args], env);
  assert.equal(status, 0, errors);
  const { options } = JSON.parse(output) as ConfigReport;
  return (name) => {
    const found = options.find(({ yaml, variable }) => yaml === name || variable === name);
    assert.ok(found, `${name} is in the report`);
    return found;
  };
}

test("each value is shown with the file and line, the variable or the flag that it comes from", () => {
  const file = fileOf(makePlace(), "log:\n  dirs:\n    - /srv/a\n    - /srv/b\nhttp:\n  host: a.example:8443\n");
  const env = { MZ_CONFIG_FILE: file, LOGDNA_TAGS: "x,y", MZ_LOG_DIRS: "/srv/c", MZ_LOG_LEVEL: "warn" };
  const option = reported(["--log-level", "debug"], env);
  const { value, sources } = option("log.dirs");
  assert.deepEqual(value, ["/srv/a", "/srv/b", "/srv/c"]);
  assert.deepEqual(sources, [
    { kind: "file", file, line: 3, column: 7 },
    { kind: "file", file, line: 4, column: 7 },
    { kind: "variable", name: "MZ_LOG_DIRS" },
  ]);
  assert.deepEqual(option("http.host").value, "a.example:8443");
  assert.deepEqual(option("http.host").sources, [{ kind: "file", file, line: 6, column: 9 }]);
  assert.deepEqual(option("http.params.tags").sources, Array(2).fill({ kind: "variable", name: "LOGDNA_TAGS" }));
  assert.deepEqual(option("agent.log_level").value, "debug");
  assert.deepEqual(option("agent.log_level").sources, [{ kind: "flag", name: "--log-level" }]);
  assert.deepEqual(option("http.use_ssl").sources, [{ kind: "default" }]);
  assert.deepEqual(option("MZ_CONFIG_FILE").sources, [{ kind: "variable", name: "MZ_CONFIG_FILE" }]);
  // A list that adds to the default has both.
  const added = reported(["--logdir", "/srv/d"]);
  assert.deepEqual(added("log.dirs").value, ["/var/log", "/srv/d"]);
  assert.deepEqual(added("log.dirs").sources, [{ kind: "default" }, { kind: "flag", name: "--logdir" }]);
  // What depends on other options is the value in force.
  assert.equal(reported(["--output", "otlp", "--host", "c"])("http.endpoint").value, "/v1/logs");
  assert.equal(option("http.ingestion_key").value, null);

  const { output, errors } = agent(["config"], env);
  assert.equal(errors, "");
  assert.match(output, new RegExp(`^Read: ${file}$`, "m"));
  assert.match(
    output,
    new RegExp(`^  log\\.dirs +/srv/a +${file}:3$\\n^ +/srv/b +${file}:4$\\n^ +/srv/c +variable`, "m"),
  );
  assert.match(output, /^ {2}http\.gzip_level +2 +default$/m);
});

test("the properties file of the first agent is a source like any other", () => {
  const file = fileOf(makePlace(), "# the first agent's\n\nlogdir = /srv/a,/srv/b\nhostname = h\n", "logdna.conf");
  const option = reported(["-c", file]);
  assert.deepEqual(option("log.dirs").sources, Array(2).fill({ kind: "file", file, line: 3, column: 1 }));
  assert.deepEqual(option("http.params.hostname").value, "h");
  assert.deepEqual(option("http.params.hostname").sources, [{ kind: "file", file, line: 4, column: 1 }]);
});

test("no secret is shown, and nothing that would steer a terminal", () => {
  const place = makePlace();
  const keyFile = fileOf(place, `${KEY}\n`, "key");
  const yaml = `http:\n  ingestion_key_file: ${keyFile}\n  output: otlp\n  host: a\n  headers: ["x-token: ${KEY}"]\n`;
  const file = fileOf(place, `${yaml}  proxy: http://user:${KEY}@p:3128\nlog:\n  dirs: ["/srv/\\x1bc"]\n`);
  const env = { https_proxy: `http://${KEY}@other` };
  for (const args of [["config"], ["config", "--json"], ["config", "validate"], ["config", "validate", "--json"]]) {
    const { status, output, errors } = agent([...args, "-c", file], env);
    assert.equal(status, 0, errors);
    assert.ok(!`${output}${errors}`.includes(KEY), output);
    assert.ok(!`${output}${errors}`.includes("\u001b"), output);
  }
  const option = reported(["-c", file], env);
  assert.equal(option("http.proxy").value, "http://***@p:3128");
  assert.deepEqual(option("http.ingestion_key").sources, [{ kind: "file", file: keyFile }]);
  assert.equal(option("http.ingestion_key").value, "***");
});

test("a key that may not be read is no obstacle to looking, and one to a start", {
  skip: process.geteuid?.() === 0 ? false : "needs root, to become another user",
}, () => {
  const place = makePlace();
  const keyFile = fileOf(place, `${KEY}\n`, "key");
  chmodSync(keyFile, 0o600);
  const env = { MZ_INGESTION_KEY_FILE: keyFile };
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const shown = agent(["config"], env, nobody);
  assert.deepEqual([shown.status, /^ {2}http\.ingestion_key +\(not set\)/m.test(shown.output)], [0, true]);
  assert.match(
    shown.errors,
    /^Warning: environment variable MZ_INGESTION_KEY_FILE: cannot read the key from .*: EACCES$/m,
  );
  const checked = agent(["config", "validate"], env, nobody);
  assert.equal(checked.status, CONFIG_ERROR);
  assert.match(checked.errors, /^environment variable MZ_INGESTION_KEY_FILE: cannot read the key from .*: EACCES$/m);
  assert.equal(agent(["config", "validate"], env).status, 0);
});

test("validate tells everything that is wrong at once, as the start does", () => {
  const yaml = "http:\n  use_sll: true\n  gzip_level: 12\nlog:\n  include:\n    regex: ['(']\n";
  const file = fileOf(makePlace(), yaml);
  const env = { MZ_CONFIG_FILE: file, MZ_LINE_MAX: "many", MZ_NOTHING: "1", MZ_CONFINEMENT: "off" };
  const checked = agent(["config", "validate"], env);
  assert.equal(checked.status, CONFIG_ERROR);
  assert.equal(checked.output, "");
  for (const part of [
    /:2:3: .*use_sll/,
    /:3:15: http\.gzip_level must be /,
    /:6:13: /,
    /variable MZ_LINE_MAX: /,
    /there is no ingestion key/,
  ])
    assert.match(checked.errors, part);
  assert.match(checked.errors, /^Warning: environment variable MZ_NOTHING/m);
  const started = agent([], env);
  assert.deepEqual([started.status, started.errors], [CONFIG_ERROR, checked.errors]);
  const json = agent(["config", "validate", "--json"], env);
  assert.deepEqual([json.status, json.errors], [CONFIG_ERROR, ""]);
  const { valid, errors, warnings } = JSON.parse(json.output) as Record<string, unknown>;
  assert.equal(valid, false);
  assert.deepEqual(
    [...(warnings as string[]).map((text) => `Warning: ${text}`), ...(errors as string[]), ""],
    checked.errors.split("\n"),
  );
});

test("validate is content with what the agent can start with, and says in one line what it would do", () => {
  const file = fileOf(makePlace(), "log: {dirs: [/srv/a]}\n");
  const env = { LOGDNA_INGESTION_KEY: KEY, MZ_OLD_NAME: "x" };
  const { status, output } = agent(["config", "validate", "-c", file, "--host", "a.example"], env);
  assert.equal(status, 0);
  assert.equal(
    output,
    "The configuration is valid, with 1 warning: it ships /srv/a to https://a.example:443/logs/agent.\n",
  );
});

test("validate reads the certificates, with which the agent would not start", () => {
  const place = makePlace();
  const certificates = fileOf(place, "nothing\n", "ca.pem");
  const env = { LOGDNA_INGESTION_KEY: KEY, SSL_CERT_FILE: certificates };
  const { status, errors } = agent(["config", "validate"], env);
  assert.equal(status, CONFIG_ERROR);
  const unusable = "Cannot use the CA certificates in .*ca\\.pem: it holds no PEM certificate";
  assert.match(errors, new RegExp(`^environment variable SSL_CERT_FILE: ${unusable}`, "m"));
  // With everything else that is wrong.
  const { errors: all } = agent(["config", "validate", "--tagz=a"], env);
  assert.match(all, new RegExp(`--tagz.*\n(?:.*\n)*environment variable SSL_CERT_FILE: ${unusable}`));
  // Without TLS they are not read.
  assert.equal(agent(["config", "validate", "--use-ssl=false", "--host=localhost"], env).status, 0);
});

for (const [what, make, problem] of [
  ["a FIFO", (path: string) => execFileSync("mkfifo", [path]), "it is a pipe, which can be read only once"],
  ["an endless device", (path: string) => symlinkSync("/dev/zero", path), "it is no regular file"],
  ["a file of 8 GiB", (path: string) => truncateSync(openedNew(path), 2 ** 33), "it is larger than 1048576 bytes"],
] as const)
  test(`${what} as the configuration or as the key is an error with its place, at once`, () => {
    const path = join(makePlace().root, "odd.yaml");
    make(path);
    const config = ["--config", path];
    for (const args of [["config", "validate", ...config], ["config", ...config], ["doctor", ...config], config]) {
      const { status, errors } = agent(args, { LOGDNA_INGESTION_KEY: KEY });
      assert.equal(status, CONFIG_ERROR, errors);
      assert.ok(errors.includes(`cannot read the configuration file ${path}: ${problem}`), errors);
    }
    const asKey = agent(["config", "validate"], { MZ_INGESTION_KEY_FILE: path });
    assert.equal(asKey.status, CONFIG_ERROR, asKey.errors);
    assert.ok(asKey.errors.includes(`cannot read the key from ${path}: ${problem}`), asKey.errors);
    const asSalt = agent(["config", "validate"], { LOGDNA_INGESTION_KEY: KEY, MZ_REDACT_SALT_FILE: path });
    assert.equal(asSalt.status, CONFIG_ERROR, asSalt.errors);
    assert.ok(asSalt.errors.includes(`cannot read the salt from ${path}: ${problem}`), asSalt.errors);
  });

test("/dev/null as the configuration is an empty file, also for a key, and a pipe of the shell is an error", () => {
  const link = join(makePlace().root, "nothing.yaml");
  symlinkSync("/dev/null", link);
  for (const path of ["/dev/null", link]) {
    const args = ["config", "validate", "--host=a.example", "-c", path];
    const { status, output, errors } = agent(args, { LOGDNA_INGESTION_KEY: KEY });
    assert.deepEqual([status, errors], [0, ""]);
    assert.match(output, /^The configuration is valid: /);
  }
  const asKey = agent(["config", "validate"], { MZ_INGESTION_KEY_FILE: "/dev/null" });
  assert.equal(asKey.status, CONFIG_ERROR);
  assert.match(asKey.errors, /the file \/dev\/null must hold an ingestion key/);
  const shell = ["bash", "-c", '"$0" "$@" -c <(echo "http: {host: a.example}")'];
  const piped = agent(["config", "validate"], { LOGDNA_INGESTION_KEY: KEY }, shell);
  assert.equal(piped.status, CONFIG_ERROR);
  assert.match(
    piped.errors,
    /^flag --config: cannot read the configuration file \/dev\/fd\/\d+: it is a pipe, which /m,
  );
});

test("a configuration file behind the links of a mounted volume is read", () => {
  const { root } = makePlace();
  mkdirSync(join(root, "..2026"));
  writeFileSync(join(root, "..2026", "config.yaml"), "http:\n  host: behind.example\n");
  symlinkSync("..2026", join(root, "..data"));
  symlinkSync(join("..data", "config.yaml"), join(root, "config.yaml"));
  const option = reported(["--config", join(root, "config.yaml")], { LOGDNA_INGESTION_KEY: KEY });
  assert.equal(option("http.host").value, "behind.example:443");
});

test("the schema is the documented one", () => {
  const { status, output } = agent(["config", "--schema"]);
  assert.equal(status, 0);
  assert.equal(output, readFileSync(SCHEMA, "utf8"));
});

test("each command tells how it is used", () => {
  for (const args of [["--help"], ["validate", "--help"], ["-h"]]) {
    const { status, output } = agent(["config", ...args]);
    assert.equal(status, 0);
    assert.match(output, /^Usage: logdna-agent config .*config validate .*config --schema/s);
  }
  assert.match(agent(["--help"]).output, /^ {2}config\n/m);
  const wrong = agent(["config", "validat"]);
  assert.equal(wrong.status, CONFIG_ERROR);
  assert.match(wrong.errors, /"validat" is neither a flag nor/);
});
