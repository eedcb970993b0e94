import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../agent/test/eventually.ts";
import { type AttackInput, type AttackReport, REPORT } from "./attacks_client.ts";
import { ask } from "./requests.ts";
import {
  makeDirectory,
  makePassable,
  runProgram,
  type Server,
  type ServerOptions,
  startProgram,
  startServer,
} from "./server.ts";
import { assertPowerless, NOBODY, ofThreads } from "./status.ts";

const skip = process.geteuid?.() === 0 ? false : "needs root, to have something to give away";
const ATTACKS = fileURLToPath(new URL("attacks_client.ts", import.meta.url));
const REQUIRED = { LOGDNA_INGESTER_CONFINEMENT: "required" };
const OFF = { LOGDNA_INGESTER_CONFINEMENT: "off" };
/** What an attempt has to succeed in. */
const NEEDED = ["linkInStore", "storeOldLine", "writeData"];

interface Target {
  readonly options: ServerOptions & { readonly dataDir: string };
  /** Has the attempts made inside a running server. */
  readonly attack: (server: Server) => Promise<AttackReport>;
}

/** A data directory, and things outside of it for a server with this user to get at. */
async function target(t: TestContext, uid = NOBODY): Promise<Target> {
  const place = makePassable();
  const shared = join(place, "shared");
  mkdirSync(shared);
  chownSync(shared, uid, uid);
  writeFileSync(join(shared, "file"), "of the user\n");
  chownSync(join(shared, "file"), uid, uid);
  const secret = join(place, "secret");
  writeFileSync(secret, "of root\n", { mode: 0o600 });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.after(() => other.close());
  const dataDir = join(place, "data");
  const input: AttackInput = { dataDir, shared, secret, otherPort: (other.address() as AddressInfo).port };
  const before = statSync(join(shared, "file"), { bigint: true });
  return {
    options: {
      dataDir,
      env: { ...REQUIRED, ATTACKS: JSON.stringify(input) },
      launch: { node: ["--import", ATTACKS] },
    },
    async attack({ child }) {
      const report = join(dataDir, REPORT);
      rmSync(report, { force: true });
      child.kill("SIGUSR2");
      await eventually(() => existsSync(report), "the report of the attempts", 60_000);
      assert.deepEqual(statSync(join(shared, "file"), { bigint: true }), before, "nothing of the file was changed");
      return JSON.parse(readFileSync(report, "utf8"));
    },
  };
}

function succeeded({ results }: AttackReport): string[] {
  return Object.keys(results)
    .filter((name) => results[name] === "done")
    .sort();
}

test("a server of root's serves without any power, and every attempt from within on what is outside fails", {
  skip,
}, async (t) => {
  const { options, attack } = await target(t);
  const server = await startServer(t, options);
  const tail = startProgram(t, ["tail", "--json", "--url", server.url, "--data-dir", options.dataDir]);
  await eventually(() => ofThreads(tail.child.pid, "Uid").length > 0, "the tail runs");
  let sent = 0;
  // Until the tail listens, nothing arrives there.
  await eventually(() => {
    void server.post({ lines: [{ line: `live ${sent++}`, app: "app" }] }).catch(() => undefined);
    return tail.stdout() !== "";
  }, "a line in the live tail");
  await server.store("web", [{ line: "searched", app: "app" }]);
  assert.deepEqual(await server.texts({ host: "web" }), ["searched"]);
  assert.equal((await ask(`${server.url}/app.js`)).status, 200, "the page is there");
  assertPowerless(server.child.pid, NOBODY);
  const report = await attack(server);
  assert.deepEqual(succeeded(report), NEEDED, JSON.stringify(report.results, undefined, 1));
  assert.ok(report.spilled > 0, "a sort that does not fit into memory is written beneath the data directory");
  assertPowerless(server.child.pid, NOBODY);
  assert.match(
    server.stderr(),
    /"message":"Everything but serving was given away \([^"]*landlock[^"]*\): user 65534, capability none\."/,
  );
  assert.equal(await server.stop(), 0);
});

test("it survives kill -9, finds everything again, drops what is too old, and root can search", { skip }, async (t) => {
  const { options } = await target(t);
  const first = await startServer(t, options);
  await first.store("web", [{ line: "one", app: "app" }]);
  await first.stop("SIGKILL");
  const second = await startServer(t, options);
  assert.deepEqual(await second.texts({ host: "web" }), ["one"]);
  // Lines that arrived some days ago: the clock cannot be turned back for the server alone.
  second.child.kill("SIGUSR2");
  await eventually(() => existsSync(join(options.dataDir, REPORT)), "old lines are there", 60_000);
  assert.deepEqual(await second.texts({ host: "old" }), ["old"]);
  const found = await runProgram(t, ["search", "--url", second.url, "--data-dir", options.dataDir, "host:web"]);
  assert.match(found.stdout, / one\n$/);
  await second.stop("SIGKILL");
  const third = await startServer(t, { ...options, args: ["--max-age", "2"] });
  await third.until(() => /Dropped the lines/.exec(third.stderr()), "the old lines are dropped");
  assert.deepEqual([await third.texts({ host: "old" }), await third.texts({ host: "web" })], [[], ["one"]]);
  assert.equal(await third.stop(), 0);
});

test("what a run of root's without confinement stored is found by the confined server, and the other way round", {
  skip,
}, async (t) => {
  const { options } = await target(t);
  const stored: string[] = [];
  for (const env of [OFF, REQUIRED, OFF, REQUIRED]) {
    const server = await startServer(t, { dataDir: options.dataDir, env });
    assert.deepEqual(await server.texts({ host: "h" }), stored);
    stored.push(`line ${stored.length}`);
    await server.store("h", [{ line: stored.at(-1), app: "app" }]);
    assert.deepEqual(await server.texts({ host: "h" }), stored);
    if (env === OFF) assert.deepEqual(ofThreads(server.child.pid, "Uid"), ["0\t0\t0\t0"]);
    else assertPowerless(server.child.pid, NOBODY);
    assert.equal(server.stderr().includes("confined"), env === REQUIRED);
    assert.equal(await server.stop(), 0);
  }
});

test("a data directory with a file of elsewhere in it is refused, and that file stays root's", { skip }, async (t) => {
  const { options } = await target(t);
  const first = await startServer(t, { dataDir: options.dataDir, env: OFF });
  await first.stop();
  const foreign = join(options.dataDir, "../secret");
  linkSync(foreign, join(options.dataDir, "store/metadata/planted"));
  const args = ["--data-dir", options.dataDir, "--listen", "127.0.0.1:0", "--http"];
  const { status, stderr } = await runProgram(t, args);
  assert.equal(status, 1);
  assert.match(stderr, /store\/metadata\/planted in it .* has 2 names, some of them elsewhere.*--data-dir/);
  assert.equal(statSync(foreign).uid, 0);
});

test("root reads no token through a link that a server in other hands may have made", { skip }, async (t) => {
  const { options } = await target(t);
  mkdirSync(options.dataDir);
  symlinkSync("../secret", join(options.dataDir, "read-token"));
  const { status, stderr } = await runProgram(t, ["search", "--data-dir", options.dataDir, "x"]);
  assert.equal(status, 1);
  assert.match(stderr, /ELOOP.*read-token/);
});

test("a data directory that no other user can get to is used as root without a capability, which is told; required, it is an error", {
  skip,
}, async (t) => {
  const dataDir = join(makeDirectory(), "data");
  const server = await startServer(t, { dataDir, env: { LOGDNA_INGESTER_CONFINEMENT: "best-effort" } });
  await server.store("h", [{ line: "one", app: "app" }]);
  assertPowerless(server.child.pid, 0);
  assert.match(
    server.stderr(),
    /"level":"warn".*stays user 0, without a capability: another user cannot get to .*chmod o\+x/,
  );
  await server.stop();
  const { status, stderr } = await runProgram(t, ["--data-dir", dataDir, "--listen", "127.0.0.1:0"], REQUIRED);
  assert.equal(status, 1);
  assert.match(stderr, /is to become user 65534, which cannot get to .*chmod o\+x.*--confinement/);
});

test("an ordinary user keeps its id, and nothing outside can be got at either", { skip }, async (t) => {
  const uid = 64_000;
  const { options, attack } = await target(t, uid);
  mkdirSync(options.dataDir, { mode: 0o700 });
  chownSync(options.dataDir, uid, uid);
  const server = await startServer(t, { ...options, launch: { ...options.launch, user: { uid, gid: uid } } });
  await server.store("h", [{ line: "one", app: "app" }]);
  assert.deepEqual(await server.texts({ host: "h" }), ["one"]);
  assert.deepEqual(ofThreads(server.child.pid, "Uid"), [Array(4).fill(uid).join("\t")]);
  assert.deepEqual(ofThreads(server.child.pid, "Seccomp"), ["2"]);
  const report = await attack(server);
  assert.deepEqual(succeeded(report), NEEDED, JSON.stringify(report.results, undefined, 1));
  assert.equal(await server.stop(), 0);
});

test("what root alone may listen on is listened on, and localhost at each of its addresses", { skip }, async (t) => {
  const port = await freeLowPort();
  const low = await startServer(t, { listen: `127.0.0.1:${port}`, env: REQUIRED });
  assert.equal(new URL(low.url).port, String(port));
  await low.store("h", [{ line: "one", app: "app" }]);
  assertPowerless(low.child.pid, NOBODY);
  const named = await startServer(t, { listen: "localhost:0", env: REQUIRED });
  for (const { address, family } of await lookup("localhost", { all: true })) {
    const host = family === 6 ? `[${address}]` : address;
    const { status } = await ask(`http://${host}:${new URL(named.url).port}/health/live`);
    assert.equal(status, 200, host);
  }
  assert.equal(await named.stop(), 0);
});

test("an address that cannot be listened on is an error that says what to do", { skip }, async (t) => {
  const { options } = await target(t);
  const first = await startServer(t, options);
  const port = new URL(first.url).port;
  const again = await runProgram(t, ["--data-dir", makeDirectory(), "--listen", `127.0.0.1:${port}`], REQUIRED);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /Cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*--listen/);
});

test("a password in the URL of the store shows nowhere, and only the port of the store can be connected to", {
  skip,
}, async (t) => {
  const { options, attack } = await target(t);
  // As much of a ClickHouse server as it takes to start.
  const asked: string[] = [];
  const fake = createHttpServer((request, response) => {
    asked.push(request.headers.authorization ?? "");
    request.resume().on("end", () => response.end("1\n"));
  });
  await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
  t.after(() => void fake.close());
  const url = `http://user:hidden-word@127.0.0.1:${(fake.address() as AddressInfo).port}`;
  for (const given of [
    { env: { ...options.env, LOGDNA_INGESTER_CLICKHOUSE_URL: url } },
    { args: ["--clickhouse-url", url] },
  ]) {
    asked.length = 0;
    const server = await startServer(t, { ...options, ...given });
    assert.ok(asked.includes(`Basic ${Buffer.from("user:hidden-word").toString("base64")}`));
    for (const shown of ["cmdline", "environ"])
      assert.ok(!readFileSync(`/proc/${server.child.pid}/${shown}`, "latin1").includes("hidden-word"), shown);
    const report = await attack(server);
    // There is no table in the embedded engine.
    const expected = NEEDED.filter((name) => name !== "storeOldLine");
    assert.deepEqual(succeeded(report), expected, JSON.stringify(report.results, undefined, 1));
    assert.equal(await server.stop(), 0);
  }
});

/** A port that root alone may listen on, where the system has any. */
async function freeLowPort(): Promise<number> {
  for (let port = 1023; port > 600; port -= 1) {
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) =>
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)),
    );
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error("No port between 600 and 1024 is free.");
}

for (const mode of ["best-effort", "off"]) {
  test(`a data directory of another user, or a store that is a link, is not used by root, confinement ${mode}`, {
    skip: process.geteuid?.() === 0 ? false : "needs root, to make what belongs to others",
  }, async (t) => {
    const data = makeDirectory();
    const start = async (): Promise<string> => {
      const args = ["--data-dir", join(data, "d"), "--listen", "127.0.0.1:0"];
      const { status, stderr } = await runProgram(t, args, { LOGDNA_INGESTER_CONFINEMENT: mode });
      assert.notEqual(status, 0);
      return stderr;
    };
    mkdirSync(join(data, "d"), { mode: 0o700 });
    writeFileSync(join(data, "d", "read-token"), "known\n");
    chownSync(join(data, "d"), 4242, 4242);
    assert.match(await start(), /it belongs to user 4242/);
    chownSync(join(data, "d"), 0, 0);
    rmSync(join(data, "d", "read-token"));
    mkdirSync(join(data, "elsewhere"), { mode: 0o777 });
    symlinkSync(join(data, "elsewhere"), join(data, "d", "store"));
    writeFileSync(join(data, "d", "ingestion-key"), "a-key-0123456789\n");
    assert.match(await start(), /store/);
    assert.deepEqual(readdirSync(join(data, "elsewhere")), []);
  });
}
