/**
 * A module that node(1) loads before the agent (`--import`), as well in the image that the agent confines itself into: it waits
 * for a file in the log directory and then, inside the agent, does what an attacker who runs code there would. What came of it
 * is one line on standard error. It is no part of the agent, which loads nothing that its environment names.
 */
import { existsSync, readFileSync } from "node:fs";
import { libc } from "@logdna-agent/confinement";
import { type AttackInput, attacksOn, attemptAll, listenUnbound } from "./confinement_attacks.ts";

/** What the attacker is given in the environment variable TAKEOVER. */
export interface TakeoverInput extends AttackInput {
  /** The attack begins when this file is there. */
  readonly trigger: string;
  /** The ingestion key, which is looked for as well: backwards, or it would be found in this. */
  readonly yek: string;
  /** Whether the attacker is held by Node's own permissions, too, which hostile code need not be. */
  readonly nodePermissions: boolean;
}

const TRIGGER_MS = 20;

const input = JSON.parse(process.env.TAKEOVER ?? "{}") as TakeoverInput;
// Bound now, as what an attacker who writes to memory needs not even ask for.
const calls = libc();
if (typeof calls === "string") throw new Error(calls);
if (!input.nodePermissions) withoutNodePermissions();
const waiting = setInterval(async () => {
  if (!existsSync(input.trigger)) return;
  clearInterval(waiting);
  const results = await attemptAll({
    findKeyInEnvironment: () => findKey("/proc/self/environ"),
    findKeyOnCommandLine: () => findKey("/proc/self/cmdline"),
    listenUnbound: () => listenUnbound(calls),
    ...attacksOn(input, calls),
  });
  process.stderr.write(`${JSON.stringify({ event: "takeover", results })}\n`);
}, TRIGGER_MS);
waiting.unref();

function findKey(path: string): void {
  const key = [...input.yek].reverse().join("");
  if (!readFileSync(path, "latin1").includes(key))
    throw Object.assign(new Error("it is not there"), { code: "ENOENT" });
}

/** Starts the confined image without Node's permissions: what the kernel says counts. */
function withoutNodePermissions(): void {
  const { execve } = process;
  if (execve === undefined) throw new Error("this Node has no process.execve");
  process.execve = (file, args = [], env) =>
    execve(
      file,
      args.filter((flag) => !/^--(?:permission$|allow-)/.test(flag)),
      env,
    );
}
