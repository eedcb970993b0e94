import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OPTIONS } from "../src/options.ts";
import { makeDirectory, runProgram, startProgram, startServer, type Variables } from "./server.ts";

/** Arguments for a server in a directory of its own, which the case's arguments and variables may override. */
function place(): string[] {
  return ["--data-dir", join(makeDirectory(), "data")];
}

test("--help names every option, its variable and its default, and the commands", async (t) => {
  const { status, stdout } = await runProgram(t, ["--help"]);
  assert.equal(status, 0);
  const help = stdout.replaceAll(/\s+/g, " ");
  for (const row of Object.values(OPTIONS)) {
    assert.ok(help.includes(row.flag), row.flag);
    assert.ok(help.includes(`Also: ${row.env}.`), row.env);
    if ("fallback" in row) assert.ok(help.includes(`Default: ${row.fallback}.`), row.fallback);
  }
  for (const command of ["search", "tail"]) {
    assert.match(stdout, new RegExp(`^  ${command} `, "m"));
    assert.equal((await runProgram(t, [command, "--help"])).status, 0);
  }
});

test("--version is the package's", async (t) => {
  const { status, stdout } = await runProgram(t, ["--version"]);
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

const WRONG: readonly (readonly [args: readonly string[], env: Variables, says: RegExp])[] = [
  [["--unknown"], {}, /unknown option '--unknown'/],
  [["--data-dirs", "/x"], {}, /unknown option '--data-dirs'\n\(Did you mean --data-dir\?\)/],
  [["serve"], {}, /too many arguments|unknown command 'serve'/],
  [["--listen"], {}, /'--listen <HOST:PORT>' argument missing/],
  [["--listen", "nowhere"], {}, /--listen: "nowhere" is not an address/],
  [["--max-age", "x"], {}, /--max-age: "x" is not a number of days/],
  [["--max-size", "x"], {}, /--max-size: "x" is not a size/],
  [["--tls-cert", "/x"], {}, /--tls-cert and --tls-key go together/],
  [["--clickhouse-url", "x"], {}, /--clickhouse-url is not a URL/],
  [[], { LOGDNA_INGESTER_LISTEN: "x" }, /LOGDNA_INGESTER_LISTEN: "x" is not an address/],
  [[], { LOGDNA_INGESTER_HTTP: "x" }, /LOGDNA_INGESTER_HTTP: "x" is not true or false/],
  [[], { LOGDNA_INGESTER_MAX_AGE: "-1" }, /LOGDNA_INGESTER_MAX_AGE: "-1" is not/],
  [[], { LOGDNA_INGESTER_MAX_SIZE: "-1" }, /LOGDNA_INGESTER_MAX_SIZE: "-1" is not/],
];

for (const [args, env, says] of WRONG)
  test(`${[...args, ...Object.keys(env)].join(" ")} ends with 22 and a clear message`, async (t) => {
    const { status, stdout, stderr } = await runProgram(t, [...place(), ...args], env);
    assert.equal(status, 22, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

const FAILING: readonly (readonly [args: (directory: string) => readonly string[], says: RegExp])[] = [
  [() => ["--data-dir", "/dev/null"], /Cannot use the data directory \/dev\/null: .*--data-dir/],
  [() => ["--listen", "192.0.2.1:0"], /Cannot listen on 192\.0\.2\.1:0: .*--listen/],
  [() => ["--ingestion-key-file", "/nothing"], /\/nothing is missing.*--ingestion-key-file/],
  [() => ["--token-file", "/nothing"], /\/nothing is missing.*--token-file/],
  [() => ["--token-file", "/dev/null"], /\/dev\/null .*holds no secret.*--token-file/],
  [
    () => ["--clickhouse-url", "http://user:open-sesame@127.0.0.1:1"],
    /Cannot reach ClickHouse at http:\/\/user@127\.0\.0\.1:1\/: .*--clickhouse-url/,
  ],
];

for (const [args, says] of FAILING)
  test(`${args("").join(" ").replace("open-sesame", "…")} ends with 1 and says what to do`, async (t) => {
    const ended = await runProgram(t, ["--listen", "127.0.0.1:0", ...place(), ...args(makeDirectory())]);
    assert.equal(ended.status, 1, ended.stderr);
    assert.match(ended.stderr, says);
    assert.doesNotMatch(ended.stderr, /open-sesame|\n\s+at /);
  });

test("a port that is taken is a clear error, and its owner goes on", async (t) => {
  const first = await startServer(t);
  const { host } = new URL(first.url);
  const second = await runProgram(t, [...place(), "--http", "--listen", host]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, new RegExp(`Cannot listen on ${host}: .*EADDRINUSE.*--listen`));
  await first.store("h", [{ line: "here", app: "app" }]);
});

test("keys and token of one's own are used: any of several keys, with spaces and empty lines around them", async (t) => {
  const directory = makeDirectory();
  const [keys, token] = [join(directory, "keys"), join(directory, "token")];
  writeFileSync(keys, "first-key\n\n  second-key  \n");
  writeFileSync(token, "my-token\n");
  const server = await startServer(t, { args: ["--ingestion-key-file", keys, "--token-file", token] });
  for (const [key, status] of [
    ["first-key", 200],
    ["second-key", 200],
    ["third-key", 403],
    ["first-key\\nsecond-key", 403],
  ] as const)
    assert.equal(
      (await server.post({ lines: [{ line: key, app: "app" }] }, { headers: { apikey: key } })).status,
      status,
    );
  assert.deepEqual((await server.texts({})).toSorted(), ["first-key", "second-key"]);
});

test("every option can come from its variable", async (t) => {
  const directory = makeDirectory();
  mkdirSync(join(directory, "data"));
  writeFileSync(join(directory, "keys"), "a-key\n");
  writeFileSync(join(directory, "token"), "a-token\n");
  const program = startProgram(t, [], {
    LOGDNA_INGESTER_DATA_DIR: join(directory, "data"),
    LOGDNA_INGESTER_LISTEN: "[::1]:0",
    LOGDNA_INGESTER_HTTP: "true",
    LOGDNA_INGESTER_INGESTION_KEY_FILE: join(directory, "keys"),
    LOGDNA_INGESTER_TOKEN_FILE: join(directory, "token"),
    LOGDNA_INGESTER_MAX_AGE: "30",
    LOGDNA_INGESTER_MAX_SIZE: "1GB",
  });
  const ready = await program.until(() => /^.*\n/.exec(program.stdout())?.[0], "the line that says ready");
  const { url, ...files }: { url: string } = JSON.parse(ready);
  assert.match(url, /^http:\/\/\[::1\]:\d+$/);
  assert.deepEqual(files, { ready: true, keyFile: join(directory, "keys"), tokenFile: join(directory, "token") });
  assert.equal(await program.stop("SIGINT"), 0);
});
