/**
 * What an attacker with code execution in the server would do. Loaded into the running server by `node --import`, which the
 * server passes on to the image that it confines; the product has no part in it. On SIGUSR2 it makes every attempt and writes
 * an `AttackReport` into the data directory.
 */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { type CallResult, type Libc, libc } from "@logdna-agent/confinement";
import { createChdbConnection } from "chdb/connection";

/** What it is given, as JSON in the environment variable `ATTACKS`. */
export interface AttackInput {
  readonly dataDir: string;
  /** A directory that anyone may write to, with a file `file` of the server's user. */
  readonly shared: string;
  /** A file that root alone may read. */
  readonly secret: string;
  /** A port that something else listens on. */
  readonly otherPort: number;
}

export interface AttackReport {
  /** The system's code by which each attempt was refused; "done" when it was not. */
  readonly results: Readonly<Record<string, string>>;
  /** Files that a sort which does not fit into memory wrote. */
  readonly spilled: number;
}

export const REPORT = "report.json";
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const IPPROTO_MPTCP = 262;
const CAP_SET_ALL = 0xffff_ffff;

type Attack = () => unknown;

const given = process.env.ATTACKS;
if (given !== undefined)
  process.on("SIGUSR2", async () => {
    const input = JSON.parse(given) as AttackInput;
    const report = await attackAll(input);
    // Under its name only when it is whole.
    writeFileSync(join(input.dataDir, `${REPORT}.part`), JSON.stringify(report));
    renameSync(join(input.dataDir, `${REPORT}.part`), join(input.dataDir, REPORT));
  });

async function attackAll(input: AttackInput): Promise<AttackReport> {
  const calls = libc();
  if (typeof calls === "string") throw new Error(calls);
  const results: Record<string, string> = {};
  for (const [name, attack] of Object.entries({
    ...needed(input),
    ...onFiles(input),
    ...onNetwork(input, calls),
    ...onKernel(calls),
  })) {
    try {
      await attack();
      results[name] = "done";
    } catch (error) {
      results[name] = error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  }
  return { results, spilled: await spill(input) };
}

/** What has to go on working. */
function needed({ dataDir }: AttackInput): Record<string, Attack> {
  return {
    writeData: () => {
      writeFileSync(join(dataDir, "written"), "1");
      rmSync(join(dataDir, "written"));
    },
    storeOldLine: () => insertOldLine(dataDir),
    linkInStore: () => {
      symlinkSync("nothing", join(dataDir, "store/link"));
      rmSync(join(dataDir, "store/link"));
    },
  };
}

function onFiles({ dataDir, shared, secret }: AttackInput): Record<string, Attack> {
  const file = join(shared, "file");
  return {
    readShadow: () => readFileSync("/etc/shadow"),
    readSecret: () => readFileSync(secret),
    readShared: () => readFileSync(file),
    listTop: () => readdirSync("/"),
    listHome: () => readdirSync("/root"),
    listTemporary: () => readdirSync("/tmp"),
    readLogs: () => readdirSync("/var/log"),
    readParentEnvironment: () => readFileSync(`/proc/${process.ppid}/environ`),
    writeShared: () => appendFileSync(file, "x"),
    truncateShared: () => truncateSync(file, 0),
    createShared: () => writeFileSync(join(shared, "new"), "x"),
    chmodShared: () => chmodSync(file, 0o777),
    touchShared: () => {
      utimesSync(file, 1, 1);
      if (statSync(file).mtimeMs !== 1000) throw new Error("said to be done, and not done");
    },
    linkShared: () => linkSync(file, join(dataDir, "linked")),
    moveOut: () => {
      writeFileSync(join(dataDir, "moving"), "x");
      renameSync(join(dataDir, "moving"), join(shared, "moved"));
    },
    // Root reads the token there, and would be led to another file.
    linkBesideToken: () => symlinkSync("/etc/shadow", join(dataDir, "link")),
    moveLinkBesideToken: () => {
      symlinkSync("/etc/shadow", join(dataDir, "store/link"));
      try {
        renameSync(join(dataDir, "store/link"), join(dataDir, "link"));
      } finally {
        rmSync(join(dataDir, "store/link"), { force: true });
      }
    },
    readDevice: () => closeSync(openSync("/dev/zero", "r")),
  };
}

function onNetwork({ otherPort }: AttackInput, calls: Libc): Record<string, Attack> {
  return {
    connect: () => connected({ host: "127.0.0.1", port: otherPort }),
    // DNS over TCP is for those alone who look names up.
    connectToDns: () => connected({ host: "127.0.0.1", port: 53 }),
    bindAny: () => listening(0),
    bindOther: () => listening(20_000 + (process.pid % 10_000)),
    unixSocket: () => connected({ path: "/run/nothing" }),
    multipathSocket: () => check(calls.syscall("socket", AF_INET, SOCK_STREAM, IPPROTO_MPTCP)),
    rawSocket: () => check(calls.syscall("socket", AF_INET, SOCK_RAW, 1)),
  };
}

function onKernel(calls: Libc): Record<string, Attack> {
  return {
    spawnShell: () => spawned("/bin/sh", ["-c", "exit 0"]),
    spawnNode: () => spawned(process.execPath, ["--version"]),
    // A file that does not exist: where executing were possible at all, this process would go on.
    execute: () => check(calls.syscall("execve", Buffer.from("/nonexistent\0"), 0, 0), "ENOENT"),
    becomeRoot: () => check(calls.setresuid(0, 0, 0)),
    raiseCapabilities: () => {
      const header = Buffer.alloc(8);
      header.writeUInt32LE(0x2008_0522, 0);
      const sets = Buffer.alloc(24);
      for (const at of [0, 4, 8]) sets.writeUInt32LE(CAP_SET_ALL, at);
      check(calls.syscall("capset", header, sets));
    },
    signalParent: () => process.kill(process.ppid, 0),
    ptrace: () => check(calls.syscall("ptrace", 16, process.ppid, 0, 0)),
    unshare: () => check(calls.unshare(0x1000_0000), "EINVAL"),
    mount: () => check(calls.mount("none", "/", 0x20 | 0x1000), "EINVAL"),
    ioUring: () => check(calls.syscall("io_uring_setup", 8, Buffer.alloc(256))),
    keyring: () => check(calls.syscall("keyctl", 0, -4, 1)),
  };
}

function spawned(file: string, args: readonly string[]): void {
  const { error } = spawnSync(file, args);
  if (error !== undefined) throw error;
}

/** A line that arrived some days ago. */
async function insertOldLine(dataDir: string): Promise<void> {
  const long = "now64(3) - INTERVAL 5 DAY";
  const query = `INSERT INTO lines (timestamp, received, host, line, batch, idx) SELECT ${long}, ${long}, 'old', 'old', 'old', 0`;
  await engine(dataDir).command({ query });
}

/** A sort of the embedded engine that is allowed a megabyte, and does not fit. @returns the files that it wrote. */
async function spill({ dataDir }: AttackInput): Promise<number> {
  const client = engine(dataDir);
  const ask = async (query: string, settings: Record<string, string> = {}): Promise<readonly { value?: number }[]> =>
    (await client.query({ query, format: "JSONEachRow", clickhouse_settings: settings })).json();
  await ask("SELECT number FROM numbers(1000000) ORDER BY cityHash64(number) LIMIT 1 OFFSET 999998", {
    max_bytes_before_external_sort: "1000000",
    max_bytes_ratio_before_external_sort: "0",
  });
  const [files] = await ask("SELECT value FROM system.events WHERE event = 'ExternalSortWritePart'");
  return Number(files?.value ?? 0);
}

/** The engine of the server that this runs in: one process has one. */
function engine(dataDir: string): ReturnType<typeof createClient> {
  const connection: unknown = createChdbConnection({ path: join(dataDir, "store") });
  return createClient({ connection: connection as NonNullable<ClientConfig["connection"]> });
}

type ClientConfig = NonNullable<Parameters<typeof createClient>[0]>;

/** The value of a call. An error of which the name is expected came from behind the confinement: the attack got through. */
function check(result: CallResult, expected?: string): number {
  if ("value" in result) return result.value;
  if (result.code === expected) return 0;
  throw Object.assign(new Error(result.code), { code: result.code });
}

async function connected(to: { host: string; port: number } | { path: string }): Promise<void> {
  const socket = connect(to);
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  } finally {
    socket.destroy();
  }
}

async function listening(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  server.close();
}
