/** What the tests of the confinement share: a place with a policy, targets to attack, and the probe that attacks them. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { buildPolicy, landlockAbi, libc, type Policy } from "@logdna-agent/confinement";
import { makePlace, type Place } from "./agent.ts";
import type { ProbeInput, ProbeReport } from "./confined_probe.ts";
import type { AttackInput } from "./confinement_attacks.ts";

const PROBE = fileURLToPath(new URL("confined_probe.ts", import.meta.url));
/** The checkout, which the programs under test read themselves from. */
export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
/** A program that takes no arguments, which few policies let be executed. */
export const PROGRAM = "/usr/bin/true";
/** Starts another program with other ids and capabilities. */
export const SETPRIV = "/usr/bin/setpriv";
/** The user that is confined to. */
export const NOBODY = 65_534;
export const KEY = "the-secret-key-0123456789";

/** Why nothing can be confined here in full; false where it can. */
export const refused = whyNot();

function whyNot(): string | false {
  if (process.geteuid?.() !== 0) return "needs root, to give it up";
  const calls = libc();
  if (typeof calls === "string") return calls;
  if (landlockAbi(calls) < 6) return `needs Landlock ABI 6, this kernel has ${landlockAbi(calls)}`;
  return false;
}

/** What can be attacked, outside of any policy, and logs. */
interface Targets extends Omit<AttackInput, "policy"> {
  readonly place: Place;
  readonly allowedPort: number;
  readonly bindablePort: number;
  /** What arrived at the port that is not allowed. */
  readonly stolen: () => string;
}

/** Makes the targets in a place, of which the directory of logs may be a mount of its own. */
export async function targets(t: TestContext, place: Place): Promise<Targets> {
  const rootLog = join(place.logs, "root.log");
  const ownLog = join(place.logs, "own.log");
  writeFileSync(rootLog, "of root\n", { mode: 0o600 });
  writeFileSync(ownLog, "of nobody\n", { mode: 0o600 });
  chownSync(ownLog, NOBODY, NOBODY);
  // The user may do in this directory what the mode bits say: everything.
  chmodSync(place.logs, 0o777);
  const shared = join(place.root, "shared");
  mkdirSync(shared, { mode: 0o777 });
  chmodSync(shared, 0o777);
  writeFileSync(join(shared, "file"), "of anyone\n");
  chmodSync(join(shared, "file"), 0o666);
  const unixSocket = join(place.root, "socket");
  const abstractSocket = `\0logdna-test-${process.pid}-${place.root}`;
  let stolen = "";
  const servers = await Promise.all([
    listen(t, { port: 0 }),
    listen(t, { port: 0 }),
    listen(t, { path: unixSocket }),
    listen(t, { path: abstractSocket }),
    listen(t, { port: 0 }),
  ]);
  chmodSync(unixSocket, 0o777);
  servers[1].on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      stolen += data.toString();
    });
  });
  const [allowedPort, otherPort, , , bindablePort] = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }) as [number, number, number, number, number];
  await new Promise((resolve) => servers[4].close(resolve));
  const neighbour = spawn("/bin/sleep", ["1000"], { uid: NOBODY, gid: NOBODY });
  t.after(() => neighbour.kill("SIGKILL"));
  return {
    ...{ place, logs: place.logs, rootLog, ownLog, shared, allowedPort, otherPort, bindablePort },
    ...{ unixSocket, abstractSocket, neighbour: neighbour.pid ?? -1, program: PROGRAM },
    ...{ handle: handleOf(join(shared, "file")), handleMount: place.logs, stolen: () => stolen },
  };
}

export interface Bench {
  readonly place: Place;
  readonly policy: Policy;
  readonly input: ProbeInput;
  readonly stolen: () => string;
}

export async function bench(t: TestContext): Promise<Bench> {
  const { place, stolen, ...attacked } = await targets(t, makePlace());
  const policy = buildPolicy({
    program: "logdna-agent",
    stateFlag: "--db-path",
    mode: "required",
    roots: [place.logs],
    stateDirectory: place.state,
    programPaths: ["packages", "node_modules", "package.json"].map((name) => join(REPOSITORY, name)),
    configPaths: [],
    caPaths: [],
    executable: process.execPath,
    connectPorts: [attacked.allowedPort],
    bindPorts: [attacked.bindablePort],
    user: { uid: NOBODY, gid: NOBODY },
  });
  return { place, policy, input: { ...attacked, policy, key: KEY }, stolen };
}

async function listen(t: TestContext, where: { port: number } | { path: string }): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", ...where }, resolve));
  t.after(() => server.close());
  return server;
}

/** The number by which open_by_handle_at(2) opens a file: `struct file_handle`. */
function handleOf(path: string): string {
  const calls = libc();
  if (typeof calls === "string") return "";
  const handle = Buffer.alloc(8 + 128);
  handle.writeUInt32LE(128, 0);
  const named = calls.syscall("name_to_handle_at", -100, Buffer.from(`${path}\0`), handle, Buffer.alloc(8), 0);
  return "value" in named ? handle.toString("hex") : "";
}

export interface Running {
  readonly report: ProbeReport;
  readonly child: ChildProcess;
}

/** Runs the probe until it has reported; it stays until the test ends. */
export async function probe(
  t: TestContext,
  input: ProbeInput,
  user: { readonly uid?: number; readonly gid?: number } = {},
  wrapper: readonly string[] = [],
): Promise<Running> {
  const line = [...wrapper, process.execPath, "--disable-warning=ExperimentalWarning", PROBE, JSON.stringify(input)];
  const [command, ...args] = line as [string, ...string[]];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], cwd: "/", ...user });
  t.after(() => child.kill("SIGKILL"));
  let output = "";
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const report = await new Promise<ProbeReport>((resolve, reject) => {
    child.stdout.on("data", (data) => {
      output += data;
      if (output.endsWith("\n")) resolve(JSON.parse(output));
    });
    child.once("close", (code, signal) =>
      reject(new Error(`The probe ended with ${code ?? signal}:\n${output}${errors}`)),
    );
  });
  return { report, child };
}

/** What has to go on working in a confined agent. */
export const NEEDED = [
  ...["readRootLog", "listLogs", "writeState", "database", "sortInDatabase", "watch", "lookUp", "interfaces"],
  ...["readOwnStatus", "signalItself", "readNull", "connectAllowed", "bindAllowed"],
];

export function done({ results }: ProbeReport): string[] {
  return Object.keys(results).filter((name) => results[name] === "done");
}

/** Attacks that got through although they should not have. */
export function succeeded(report: ProbeReport): string[] {
  return done(report).filter((name) => !NEEDED.includes(name));
}

/** All of a file that somebody could have changed, its access time included. */
export function traces(path: string): unknown {
  const { atimeNs, mtimeNs, ctimeNs, mode, uid, gid, size, nlink } = statSync(path, { bigint: true });
  return { atimeNs, mtimeNs, ctimeNs, mode, uid, gid, size, nlink };
}

/** Lets the ordinary user have the place, as whoever installs the agent for it does. */
export function openFor(place: Place): void {
  chmodSync(place.root, 0o755);
  mkdirSync(place.state, { mode: 0o700 });
  chownSync(place.state, NOBODY, NOBODY);
}
