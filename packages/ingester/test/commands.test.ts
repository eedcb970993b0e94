import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { StoredLine } from "@logdna-agent/protocol";
import { LAUNCHER, makeDirectory, runProgram, startProgram, startServer, type Variables } from "./server.ts";

const server = await startServer({ after }, { secure: true });
const ARGS = ["--url", server.url, "--data-dir", server.dataDir];
const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
await server.store("web", [
  { line: "first", app: "shop", level: "info", timestamp: TIME },
  { line: "second error", file: "/var/log/a.log", timestamp: TIME + 1 },
  { line: "third", app: "shop", level: "error", timestamp: TIME + 2 },
]);

test("search prints the lines that fit, the newest last", async (t) => {
  const { status, stdout, stderr } = await runProgram(t, ["search", ...ARGS, "host:web"]);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(stdout.split("\n"), [
    "2026-01-02 03:04:05.678 web shop info  first",
    "2026-01-02 03:04:05.679 web /var/log/a.log       second error",
    "2026-01-02 03:04:05.680 web shop error third",
    "",
  ]);
});

const SEARCHES: readonly (readonly [args: readonly string[], texts: readonly string[]])[] = [
  [["host:web", "error"], ["second error"]],
  [["level:error"], ["third"]],
  [
    ["--limit", "2", "host:web"],
    ["second error", "third"],
  ],
  [
    ["--", "host:web", "-error"],
    ["first", "third"],
  ],
  [["--since", "5", "host:web"], []],
  [["nothing like it"], []],
];

for (const [args, texts] of SEARCHES)
  test(`search ${args.join(" ")}`, async (t) => {
    const { status, stdout } = await runProgram(t, ["search", "--json", ...ARGS, ...args]);
    assert.equal(status, 0);
    const lines = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as StoredLine]));
    assert.deepEqual(
      lines.map(({ line }) => line),
      texts,
    );
  });

test("search --json prints each line as the read API gives it", async (t) => {
  const { stdout } = await runProgram(t, ["search", "--json", ...ARGS, "host:web"]);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as StoredLine),
    await server.lines({ host: "web" }),
  );
});

test("flags count before the name of the command as well, and behind it more", async (t) => {
  for (const args of [
    [...ARGS.slice(2), "search", "--url", server.url],
    ["--data-dir", "/nothing", "search", ...ARGS],
    ["--token-file", server.ready.tokenFile, ...ARGS.slice(2), "search", "--url", server.url],
  ]) {
    const { status, stdout, stderr } = await runProgram(t, [...args, "host:web", "first"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /first\n$/);
  }
});

test("search pages through more lines than one answer holds", async (t) => {
  const texts = Array.from({ length: 2500 }, (_, n) => `line ${n}`);
  await server.store(
    "long",
    texts.map((line, n) => ({ line, app: "app", timestamp: TIME + n })),
  );
  const { stdout } = await runProgram(t, ["search", "--json", ...ARGS, "--limit", "2400", "host:long"]);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as StoredLine).line),
    texts.slice(100),
  );
});

test("search ends quietly when nobody reads its output any more", async (t) => {
  const search = spawn(LAUNCHER, ["search", "--json", ...ARGS, "--limit", "2400", "host:long"], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => void search.kill("SIGKILL"));
  let stderr = "";
  search.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((resolve) => search.on("close", resolve));
  search.stdout.once("data", () => search.stdout.destroy());
  await ended;
  assert.equal(stderr, "");
});

const HOSTILE = "\u001b[31mred\u001b]0;title\u0007\r\n\b\u009b2J\u007f\u202egnp\u2066\u0000end";

test("what could act on a terminal is shown, not done: in lines, names and levels, by search and tail", async (t) => {
  const tail = startProgram(t, ["tail", ...ARGS, "app:hostile\u001b[2J"]);
  await server.store("ready", [{ line: "x", app: "app" }]);
  let stored = 0;
  // The tail begins at some time after its start: lines are stored until it shows one.
  const shown = tail.until(() => /^.*\n/.exec(tail.stdout())?.[0], "a line");
  let done = false;
  void shown.finally(() => {
    done = true;
  });
  while (!done) {
    stored += 1;
    await server.store("evil\u001b[1m", [
      { line: HOSTILE, app: "hostile\u001b[2J", level: "\u001b[5m", timestamp: TIME },
    ]);
  }
  assert.ok(stored > 0);
  const { stdout } = await runProgram(t, ["search", ...ARGS, "--limit", "1", "app:hostile\u001b[2J"]);
  for (const text of [await shown, stdout]) {
    assert.equal(
      text,
      "2026-01-02 03:04:05.678 evil␛[1m hostile␛[2J ␛[5m  ␛[31mred␛]0;title␇␍␊␈\ufffd2J\ufffd\ufffdgnp\ufffd␀end\n",
    );
    for (const character of text.slice(0, -1))
      assert.ok(character >= " " && !/[\u007f-\u009f\u202a-\u202e]/.test(character));
  }
});

test("--json prints control characters as escapes, and otherwise the same", async (t) => {
  const args = ["--json", ...ARGS, "--limit", "1", "app:hostile\u001b[2J"];
  const { stdout } = await runProgram(t, ["search", ...args]);
  assert.doesNotMatch(stdout.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/);
  assert.equal((JSON.parse(stdout) as StoredLine).line, HOSTILE);
});

test("tail prints what is stored from now on, and ends with an error when the server goes", async (t) => {
  const own = await startServer(t);
  const tail = startProgram(t, ["tail", "--json", "--url", own.url, "--data-dir", own.dataDir, "--", "-not"]);
  const shown = tail.until(() => /"line":"fits/.exec(tail.stdout()), "the line");
  let done = false;
  void shown.finally(() => {
    done = true;
  });
  for (let n = 0; !done; n += 1)
    await own.store("h", [
      { line: `not ${n}`, app: "app" },
      { line: `fits ${n}`, app: "app" },
    ]);
  await own.stop();
  assert.equal(await tail.ended, 1);
  assert.match(tail.stderr(), /^logdna-ingester: The server ended the tail/);
  const lines = tail.stdout().trimEnd().split("\n");
  for (const line of lines) assert.match((JSON.parse(line) as StoredLine).line, /^fits \d+$/);
});

const WRONG: readonly (readonly [
  what: string,
  args: readonly string[],
  env: Variables,
  status: number,
  says: RegExp,
])[] = [
  [
    "a wrong token",
    ["search", ...ARGS],
    { LOGDNA_INGESTER_TOKEN: "wrong" },
    1,
    /The server answered 401: Reading needs the read token/,
  ],
  [
    "a wrong token",
    ["tail", ...ARGS],
    { LOGDNA_INGESTER_TOKEN: "wrong" },
    1,
    /The server answered 401: Reading needs the read token/,
  ],
  [
    "no token",
    ["search", "--url", server.url, "--data-dir", "/nothing"],
    {},
    1,
    /no read token: \/nothing\/read-token is missing.*--token-file/,
  ],
  [
    "no server",
    ["search", "--url", "https://127.0.0.1:1", "--data-dir", server.dataDir],
    {},
    1,
    /Cannot ask https:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
  ],
  [
    "no server",
    ["tail", "--url", "https://127.0.0.1:1", "--data-dir", server.dataDir],
    {},
    1,
    /Cannot ask https:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
  ],
  ["an authority that is not known", ["search", ...ARGS, "--ca-file", "/nothing"], {}, 1, /Cannot ask .*certificate/],
  [
    "plain HTTP to an HTTPS server",
    ["search", ...ARGS, "--url", server.url.replace("https", "http")],
    {},
    1,
    /Cannot ask http:/,
  ],
  [
    "a flag of the server's before it",
    ["search", "--http"].toReversed(),
    {},
    22,
    /--http is for the server, and not for search/,
  ],
  [
    "a flag of the server's before it",
    ["--max-age", "3", "tail", ...ARGS],
    {},
    22,
    /--max-age is for the server, and not/,
  ],
  ["a URL that is none", ["search", ...ARGS, "--url", "server"], {}, 22, /--url.*server/],
  ["a query that is too long", ["search", ...ARGS, "q".repeat(5000)], {}, 1, /The server answered 400: q: /],
  ["a flag that is not known", ["search", "--limits", "1"], {}, 22, /unknown option '--limits'/],
  ["a flag that is not known", ["tail", "--limit", "1"], {}, 22, /unknown option '--limit'/],
  ["-word without --", ["search", "-word"], {}, 22, /unknown option '-word'/],
  ["a limit that is none", ["search", "--limit", "0"], {}, 22, /--limit.*whole number above 0/],
  ["a limit that is a word", ["search", "--limit", "all"], {}, 22, /--limit.*whole number above 0/],
  ["a time that is none", ["search", "--since", "-1"], {}, 22, /--since.*whole number above 0/],
  ["a flag without its value", ["search", "--url"], {}, 22, /--url.*argument missing/],
];

for (const [what, args, env, status, says] of WRONG)
  test(`${args.find((arg) => /^(search|tail)$/.test(arg))} with ${what} ends with ${status} and says why`, async (t) => {
    const ended = await runProgram(t, args, env);
    assert.equal(ended.status, status, ended.stderr);
    assert.equal(ended.stdout, "");
    assert.match(ended.stderr, says);
    assert.doesNotMatch(ended.stderr, /\n\s+at /, "no stack trace");
    assert.ok(!ended.stderr.includes(server.token));
  });

test("the token and the authority can come from other files, and the server from a variable", async (t) => {
  const file = join(makeDirectory(), "token");
  writeFileSync(file, `${server.token}\n`);
  const files = ["--token-file", file, "--ca-file", server.ready.caFile ?? "", "--data-dir", "/nothing"];
  const { status, stdout } = await runProgram(t, ["search", ...files, "host:web", "first"], {
    LOGDNA_INGESTER_URL: server.url,
  });
  assert.equal(status, 0);
  assert.match(stdout, /web shop info {2}first\n$/);
});
