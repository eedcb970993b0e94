/** A machine with pods on it and one agent in a container: what the tests of the container share. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { ENTRYPOINT } from "../../../../scripts/image/rootfs.ts";
import { type AgentProcess, makePlace, type Place, startAgent } from "../agent.ts";
import { REPOSITORY } from "../confinement_bench.ts";
import type { Container, PodSpec } from "./manifests.ts";
import { bound, DEFAULT_PROFILE, type OciMount, ociConfig } from "./oci_config.ts";

const KEY = "test-key-0123456789";

/** Why no container can be run here; false where one can. */
export const noContainers = whyNot();

function whyNot(): string | false {
  if (process.geteuid?.() !== 0) return "needs root, to make containers";
  for (const program of ["crun", "setcap", "readelf", "strip"])
    if (spawnSync(program, ["--version"]).error !== undefined) return `needs ${program}`;
  return existsSync(DEFAULT_PROFILE) ? false : `needs ${DEFAULT_PROFILE} (golang-github-containers-common)`;
}

let image: string | undefined;

/** The root file system of the image, which is made once for all tests of a file. */
export function rootfs(): string {
  if (image !== undefined) return image;
  const directory = mkdtempSync(join(tmpdir(), "image-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  const script = join(REPOSITORY, "scripts/image.ts");
  const made = spawnSync(process.execPath, [script, directory, "--rootfs-only"], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`The image cannot be made: ${made.stderr}`);
  // Of other users, too.
  chmodSync(directory, 0o755);
  image = join(directory, "rootfs");
  return image;
}

/** The host: its directories are below one of a place. */
export interface Host {
  readonly place: Place;
  /** Where a path of the host is on this machine. */
  at(path: string): string;
  /** Makes the log of a container of a pod, in CRI's layout, with the runtime's links and modes. */
  containerLog(pod: string, container: string): ContainerLog;
}

interface ContainerLog {
  /** Under the name that an agent ships it by. */
  readonly link: string;
  /** Where it is on this machine. */
  readonly path: string;
  /** Writes lines as containerd does. */
  write(...texts: readonly string[]): void;
}

export function makeHost(): Host {
  const place = makePlace();
  chmodSync(place.root, 0o755);
  const at = (path: string): string => join(place.root, "host", path);
  for (const path of ["/var/log/pods", "/var/log/containers", "/var/lib"]) mkdirSync(at(path), { recursive: true });
  return {
    place,
    at,
    containerLog(pod, container) {
      const id = `${pod}${container}`.replaceAll(/\W/g, "").padEnd(64, "0");
      const target = `/var/log/pods/default_${pod}_0a1b2c3d-0000-4000-8000-000000000000/${container}/0.log`;
      const link = `/var/log/containers/${pod}_default_${container}-${id}.log`;
      mkdirSync(dirname(at(target)), { recursive: true });
      writeFileSync(at(target), "", { mode: 0o640 });
      symlinkSync(target, at(link));
      return {
        link,
        path: at(target),
        write: (...texts) => {
          for (const text of texts) appendFileSync(at(target), `${new Date().toISOString()} stdout F ${text}\n`);
        },
      };
    },
  };
}

export interface ContainerOptions {
  readonly host: Host;
  readonly pod: PodSpec;
  /** One of the pod's; by default its first. */
  readonly container?: Container;
  /** In the place of its entry point. */
  readonly entrypoint?: readonly string[];
  /** Besides, or in the place of, what its manifest has; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly mounts?: readonly OciMount[];
}

/** An agent that runs in a container, which is started anew when it asks for that. */
export interface ContainedAgent extends AgentProcess {
  /** Executes a program in it, as `kubectl exec` and probes do. */
  exec(...command: readonly string[]): SpawnSyncReturns<string>;
}

/** Starts a pod's container from the image as a node would, with volumes of the host. */
export function startContainer(t: TestContext, port: number, options: ContainerOptions): ContainedAgent {
  const { id, run, others, user } = prepared(options);
  const crun = (...command: readonly string[]): SpawnSyncReturns<string> => spawned([...others, ...command]);
  // Before the agent is waited for: it holds its output open for as long as it runs, and crun alone could be killed.
  t.after(() => crun("delete", "--force", id));
  const agent = startAgent(t, { place: options.host.place, port, launcher: run });
  return Object.assign(agent, {
    exec: (...command: readonly string[]) => crun("exec", "--user", user, id, ...command),
  });
}

/** Runs a container to its end. */
export function runContainer(options: ContainerOptions): SpawnSyncReturns<string> {
  return spawned(prepared(options).run);
}

function spawned([program = "", ...args]: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: "utf8", timeout: 60_000 });
}

/**
 * Where the machine has control groups of both versions, as some virtual machines do, crun wants one of them: it gets a mount
 * namespace in which there is the second alone.
 */
const IN_NAMESPACE = `
umount --recursive --lazy /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1`;
/** There the image gets a layer over it, too, as runtimes give it one: what a container writes to its root is its own. */
const WITH_LAYER = `${IN_NAMESPACE}
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged" || exit 1
shift 2`;

function prepared({ host, pod, env = {}, mounts = [], ...options }: ContainerOptions) {
  const container = options.container ?? pod.containers[0];
  if (container === undefined) throw new Error("The pod has no container.");
  const { root } = host.place;
  const layer = join(root, "layer");
  for (const name of ["upper", "work", "merged"]) mkdirSync(join(layer, name), { recursive: true });
  const config = ociConfig({
    ...{ pod, container, mounts },
    rootfs: join(layer, "merged"),
    entrypoint: options.entrypoint ?? ENTRYPOINT,
    sourceOf: (volume) => sourceOf(volume, pod, host),
    env: Object.entries({ ...environmentOf(container), ...env }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    ),
  });
  mkdirSync(join(root, "bundle"), { recursive: true });
  writeFileSync(join(root, "bundle/config.json"), JSON.stringify(config));
  const id = root.replaceAll(/\W/g, "");
  const crun = ["crun", "--cgroup-manager=disabled", "--root", join(root, "crun")];
  const shell = (script: string, ...args: string[]): string[] => [
    ...["unshare", "--mount", "sh", "-c", `${script}\nexec "$@"`, "sh", ...args, ...crun],
  ];
  const run = [...shell(WITH_LAYER, rootfs(), layer), "run", "--bundle", join(root, "bundle"), id];
  const { runAsUser = 0, runAsGroup = 0 } = { ...pod.securityContext, ...container.securityContext };
  return { id, run, others: shell(IN_NAMESPACE), user: `${runAsUser}:${runAsGroup}` };
}

/** Makes the directory or file of a volume on this machine, as a kubelet does. */
function sourceOf(name: string, pod: PodSpec, host: Host): string {
  const volume = pod.volumes?.find((one) => one.name === name);
  if (volume?.hostPath !== undefined) {
    const path = host.at(volume.hostPath.path);
    if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o755 });
    return path;
  }
  if (volume?.secret === undefined) throw new Error(`The volume ${name} is of no kind that is known here.`);
  // Files of a secret are behind a link that is exchanged when it changes.
  const directory = join(host.place.root, "volumes", name);
  const data = join(directory, "..2026_01_01");
  if (existsSync(data)) return directory;
  mkdirSync(data, { recursive: true, mode: 0o755 });
  const key = join(data, "logdna-agent-key");
  writeFileSync(key, KEY);
  chmodSync(key, volume.secret.defaultMode ?? 0o644);
  const group = pod.securityContext?.fsGroup;
  if (group !== undefined) spawnSync("chgrp", [String(group), key]);
  symlinkSync("..2026_01_01", join(directory, "..data"));
  symlinkSync("..data/logdna-agent-key", join(directory, "logdna-agent-key"));
  return directory;
}

/** What the fields of a pod are in these tests. */
const FIELDS: Readonly<Record<string, string>> = {
  "spec.nodeName": "node-1",
  "metadata.name": "logdna-agent-x1y2z",
  "metadata.namespace": "logdna-agent",
};

function environmentOf(container: Container): Record<string, string> {
  return Object.fromEntries(
    (container.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      valueFrom?.secretKeyRef === undefined
        ? (value ?? FIELDS[valueFrom?.fieldRef?.fieldPath ?? ""] ?? (valueFrom === undefined ? "" : "logdna-agent"))
        : KEY,
    ]),
  );
}

/** A file of this machine that the container has. */
export function given(path: string, source: string): OciMount {
  return bound(path, source, true);
}
