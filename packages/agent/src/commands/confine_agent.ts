import { resolve } from "node:path";
import { confine, nodePermissions } from "@logdna-agent/confinement";
import { isSecretVariable } from "../config/secret_variables.ts";
import { systemAuthorities } from "../delivery/system_authorities.ts";
import { connectNotifySocket, NOTIFY_FD } from "../notify/notify_socket.ts";
import { ownCommand } from "../own_program.ts";
import { policyOf } from "./agent_policy.ts";
import { ConfigFiles } from "./config_files.ts";
import { NODE_FLAGS, VARIABLES } from "./small_memory.ts";
import { HANDED, type Start } from "./start.ts";

const KEY_FLAG = /^(?:-k|--key(?:=|$)|--proxy(?:=|$))/;
/** What could change what the new image executes. NODE_NAME, the host's name in Kubernetes, is no variable of Node. */
const LOADING = /^(?:LD_|NODE_(?!NAME$)|GLIBC_TUNABLES$)/;

/**
 * Gives away what the agent does not need, if the configuration does not say otherwise, by starting it anew. The new image is handed
 * the configuration: what reads it, and what checks it, takes several megabytes that an agent at work has no use for.
 * @returns why that was not done; undefined when it is not wanted, or there is no valid configuration to do it with.
 * @throws {ConfinementError} when it is required and cannot be done.
 */
export async function confineAgent(start: Start): Promise<string | undefined> {
  const { argv, env } = start;
  const files = new ConfigFiles(start);
  const reading = await files.read();
  const { loaded } = reading;
  if (loaded.kind !== "run" || loaded.config.confinement === "off") return undefined;
  const { config } = loaded;
  // What is read now is what is read again later, the key included.
  const given = policyOf(config, [...files.paths]);
  files.accept(reading);
  const secrets: Record<string, string> = { [HANDED.configuration]: files.handOver(loaded) };
  if (config.useSsl || config.proxy?.secure === true) secrets[HANDED.authorities] = systemAuthorities().join("\n");
  const visible: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(env)) {
    if (isSecretVariable(name)) secrets[name] = value;
    else if (!LOADING.test(name)) visible[name] = value;
  }
  const secretFlags = argv.some((flag) => KEY_FLAG.test(flag));
  if (secretFlags) secrets[HANDED.flags] = JSON.stringify(argv);
  const socket = connectNotifySocket(env);
  if (socket !== undefined) secrets[NOTIFY_FD] = String(socket);
  const sockets = socket === undefined ? [] : [socket];
  const policy = { ...given, writeOnlySockets: sockets };
  // Under the name that it is opened by, too: Node compares names.
  const writable = [...new Set([policy.stateDirectory, resolve(config.dbPath)])];
  const flags = ["--disable-sigusr1", ...nodePermissions(writable, { children: policy.programs.length > 0 })];
  const small = NODE_FLAGS.filter((flag) => !process.execArgv.includes(flag));
  return confine(policy, {
    file: process.execPath,
    argv: ownCommand([...small, ...flags], secretFlags ? [] : argv),
    env: { ...VARIABLES, ...visible },
    secrets,
    descriptors: sockets,
  });
}
