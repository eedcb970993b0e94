import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type AgentOptions, type AgentProcess, type Owner, type Place, startAgent } from "../agent.ts";
import type { Cluster } from "./cluster.ts";

/** The logs of a node as the kubelet lays them out, in a directory that the agent of a test sees as /var/log. */
export interface NodeLogs {
  /** Begins a container: its log, and the link to it. @returns its id. */
  begin(namespace: string, pod: string, uid: string, container?: string): string;
  /** Appends a line in the form of the runtime. */
  log(id: string, text: string): void;
  /** The `file` of its lines. */
  fileOf(id: string): string;
  /** The log itself, to which links lead. */
  pathOf(id: string): string;
  /** Removes everything of a container, as the kubelet does when its pod is deleted. */
  remove(id: string): void;
}

export function nodeLogs(place: Place): NodeLogs {
  const containers = new Map<string, { readonly link: string; readonly log: string; readonly directory: string }>();
  const links = join(place.logs, "containers");
  mkdirSync(links, { recursive: true });
  mkdirSync(join(place.logs, "pods"), { recursive: true });
  let count = 0;
  const at = (id: string) => {
    const found = containers.get(id);
    if (found === undefined) throw new Error(`there is no container ${id}`);
    return found;
  };
  return {
    begin(namespace, pod, uid, container = "web") {
      count += 1;
      const id = createHash("sha256").update(`${pod} ${uid} ${count}`).digest("hex");
      const below = join("pods", `${namespace}_${pod}_${uid}`);
      const directory = join(place.logs, below);
      mkdirSync(join(directory, container), { recursive: true });
      const log = join(directory, container, "0.log");
      appendFileSync(log, "");
      const name = `${pod}_${namespace}_${container}-${id}.log`;
      // As the agent sees it.
      symlinkSync(join("/var/log", below, container, "0.log"), join(links, name));
      containers.set(id, { link: join(links, name), log, directory });
      return id;
    },
    log: (id, text) =>
      appendFileSync(at(id).log, `${new Date().toISOString().replace("Z", "000000Z")} stdout F ${text}\n`),
    fileOf: (id) => join("/var/log/containers", at(id).link.slice(links.length + 1)),
    pathOf: (id) => join("/var/log", at(id).log.slice(place.logs.length + 1)),
    remove(id) {
      const { link, directory } = at(id);
      rmSync(link, { force: true });
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Starts an agent as in a pod on a node: the place's logs are its /var/log. Takes root. */
export function startInPod(
  t: Owner,
  cluster: Cluster,
  account: string,
  options: AgentOptions & { readonly podName?: string },
): AgentProcess {
  const { place, podName = "agent-1" } = options;
  return startAgent(t, {
    ...options,
    // In a mount namespace of its own.
    wrapper: [
      "unshare",
      "--mount",
      "--",
      "sh",
      "-c",
      'mount --bind "$1" /var/log && shift && exec "$@"',
      "sh",
      place.logs,
    ],
    env: {
      LOGDNA_CONFIG_FILE: undefined,
      KUBERNETES_SERVICE_HOST: cluster.host,
      KUBERNETES_SERVICE_PORT: String(cluster.port),
      NODE_NAME: "node-1",
      POD_NAME: podName,
      NAMESPACE: "agents",
      MZ_K8S_SERVICE_ACCOUNT_DIR: account,
      ...options.env,
    },
  });
}
