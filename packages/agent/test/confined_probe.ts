/**
 * A program that confines itself with a policy and then, in the new image, does what an attacker with code execution would:
 * `confined_probe.ts JSON`, see `ProbeInput`. It prints a `ProbeReport` in one line, and ends when its input does.
 */
import { lookup } from "node:dns/promises";
import { readdirSync, readFileSync, readlinkSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import {
  afterConfinement,
  type Confinement,
  confine,
  type Libc,
  libc,
  type Policy,
  type ThreadFacts,
  threadFacts,
} from "@logdna-agent/confinement";
import { inotifyCalls } from "../src/watch/inotify_calls.ts";
import {
  type Attack,
  type AttackInput,
  attacksOn,
  attemptAll,
  check,
  connected,
  listening,
} from "./confinement_attacks.ts";

/** What the probe is given on its command line. */
export interface ProbeInput extends AttackInput {
  readonly policy: Policy;
  readonly key: string;
  readonly allowedPort: number;
  readonly bindablePort: number;
}

export interface ProbeReport {
  readonly pid: number;
  /** The system's code by which each attack was refused; "done" when it was not. */
  readonly results: Readonly<Record<string, string>>;
  readonly confinement: Omit<Confinement, "secrets" | "policy">;
  /** Whether the key arrived. */
  readonly keyArrived: boolean;
  readonly threads: readonly ThreadFacts[];
  readonly descriptors: readonly string[];
  readonly limits: string;
  readonly dumpable: number;
  readonly securebits: number;
}

const PR_GET_DUMPABLE = 3;
const PR_GET_SECUREBITS = 27;

const input = JSON.parse(process.argv[2] ?? "{}") as ProbeInput;
const confinement = afterConfinement();
if (confinement === undefined) {
  const { key, ...rest } = input;
  const why = confine(input.policy, {
    file: process.execPath,
    argv: [process.execPath, ...process.execArgv, import.meta.filename, JSON.stringify(rest)],
    env: { PATH: "/usr/bin:/bin" },
    secrets: { key },
  });
  process.stderr.write(`not confined: ${why}\n`);
} else {
  const calls = libc();
  if (typeof calls === "string") throw new Error(calls);
  process.stdout.write(`${JSON.stringify(await report(calls, confinement))}\n`);
  process.stdin.resume();
}

async function report(calls: Libc, { outcomes, facts, excesses, secrets }: Confinement): Promise<ProbeReport> {
  const results = await attemptAll({ ...ordinary(), ...attacksOn(input, calls) });
  const dumpable = calls.prctl(PR_GET_DUMPABLE);
  const securebits = calls.prctl(PR_GET_SECUREBITS);
  // Threads that were born later, too.
  const worker = new Worker("setInterval(() => {}, 1000); require('node:worker_threads').parentPort.postMessage(1)", {
    eval: true,
  });
  await new Promise((resolve) => worker.once("message", resolve));
  const later = threadFacts();
  await worker.terminate();
  return {
    pid: process.pid,
    results,
    confinement: { outcomes, facts, excesses },
    keyArrived: secrets.key?.startsWith("the-secret") ?? false,
    threads: later,
    descriptors: readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return [];
      }
    }),
    limits: readFileSync("/proc/self/limits", "utf8"),
    dumpable: "value" in dumpable ? dumpable.value : -1,
    securebits: "value" in securebits ? securebits.value : -1,
  };
}

/** What has to go on working. */
function ordinary(): Record<string, Attack> {
  const { policy, logs, rootLog } = input;
  return {
    readRootLog: () => readFileSync(rootLog),
    listLogs: () => readdirSync(logs),
    writeState: () => {
      const path = join(policy.stateDirectory, "written");
      writeFileSync(path, "1");
      renameSync(path, `${path}.2`);
      unlinkSync(`${path}.2`);
    },
    database: () => {
      const database = new DatabaseSync(join(policy.stateDirectory, "state.sqlite"));
      database.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)");
      database.close();
    },
    sortInDatabase: () => {
      const database = new DatabaseSync(join(policy.stateDirectory, "state.sqlite"));
      // Large enough for a temporary file.
      database.exec("PRAGMA cache_size = 10; CREATE TEMP TABLE big (x TEXT)");
      database.exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO big SELECT hex(randomblob(200)) FROM n",
      );
      database.prepare("SELECT x FROM big ORDER BY x LIMIT 1").get();
      database.close();
    },
    watch: () => {
      const inotify = inotifyCalls();
      if (typeof inotify === "string") throw new Error(inotify);
      const made = check(inotify.init());
      check(inotify.addWatch(made, logs, 0x100));
    },
    lookUp: () => lookup("localhost"),
    interfaces: () => networkInterfaces(),
    readOwnStatus: () => readFileSync(`/proc/${process.pid}/task/${process.pid}/status`),
    signalItself: () => process.kill(process.pid, 0),
    readNull: () => readFileSync("/dev/null"),
    connectAllowed: () => connected({ host: "127.0.0.1", port: input.allowedPort }),
    bindAllowed: () => listening(input.bindablePort),
  };
}
