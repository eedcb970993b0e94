/** What a container runtime makes of a container's manifest: the configuration that crun is given. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../confinement_bench.ts";
import type { Container, PodSpec, SecurityContext } from "./manifests.ts";

/** Docker's list of the capabilities of a container that says nothing of them; containerd has the same. */
const DEFAULT_CAPABILITIES = [
  ...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP"],
  ...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
];
/** The profile of Podman and CRI-O for RuntimeDefault, in Docker's format, which containerd's is made of as well. */
export const DEFAULT_PROFILE = "/usr/share/containers/seccomp.json";
const MASKED = ["acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi"];
const READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
/** A node on which another pod's logs are; of the processor, crun's names. */
const ARCHITECTURES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"];

export interface OciMount {
  readonly destination: string;
  readonly source: string;
  readonly type: string;
  readonly options: readonly string[];
}

export interface OciInputs {
  readonly pod: PodSpec;
  readonly container: Container;
  readonly rootfs: string;
  readonly entrypoint: readonly string[];
  /** Where the directory or file of a volume is on this machine. */
  readonly sourceOf: (volume: string) => string;
  /** The values of fields and secrets. */
  readonly env: readonly string[];
  /** Further mounts of a test. */
  readonly mounts: readonly OciMount[];
}

/**
 * The configuration of the runtime specification for a container, as containerd makes it: of the capabilities that a user gets none is
 * inheritable or ambient. The network is the machine's own, so that the test's server is there; limits of control groups are not
 * set.
 */
export function ociConfig({ pod, container, rootfs, entrypoint, sourceOf, env, mounts }: OciInputs): object {
  const context: SecurityContext = { ...pod.securityContext, ...container.securityContext };
  const capabilities = capabilitiesOf(context);
  const profile = profileOf(context, capabilities);
  return {
    ociVersion: "1.0.2",
    hostname: "agent-pod",
    process: {
      user: {
        uid: context.runAsUser ?? 0,
        gid: context.runAsGroup ?? 0,
        additionalGids: [
          ...(context.supplementalGroups ?? []),
          ...(context.fsGroup === undefined ? [] : [context.fsGroup]),
        ],
      },
      args: [...(container.command ?? entrypoint), ...(container.args ?? [])],
      env: ["PATH=/usr/bin", ...env],
      cwd: "/",
      noNewPrivileges: context.allowPrivilegeEscalation === false,
      capabilities: { bounding: capabilities, permitted: capabilities, effective: capabilities },
    },
    root: { path: rootfs, readonly: context.readOnlyRootFilesystem === true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      tmpfs("/dev", "strictatime", "mode=755"),
      tmpfs("/dev/shm", "noexec", "nodev", "mode=1777"),
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      bound("/etc/hosts", "/etc/hosts", true),
      bound("/etc/resolv.conf", "/etc/resolv.conf", true),
      ...(container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) =>
        bound(mountPath, sourceOf(name), readOnly === true),
      ),
      ...mounts,
    ],
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      ...(profile === undefined ? {} : { seccomp: profile }),
      maskedPaths: [...MASKED.map((name) => `/proc/${name}`), "/sys/firmware"],
      readonlyPaths: READ_ONLY.map((name) => `/proc/${name}`),
    },
  };
}

/** A mount of a host's file or directory; what the host mounts in it later does not appear, as without `mountPropagation`. */
export function bound(destination: string, source: string, readOnly: boolean): OciMount {
  return { destination, source, type: "bind", options: ["rbind", "rprivate", readOnly ? "ro" : "rw"] };
}

function tmpfs(destination: string, ...options: string[]): OciMount {
  return { destination, source: "tmpfs", type: "tmpfs", options: ["nosuid", ...options, "size=65536k"] };
}

function capabilitiesOf({ capabilities }: SecurityContext): string[] {
  const dropped = (capabilities?.drop ?? []).map((name) => name.toUpperCase());
  const kept = dropped.includes("ALL") ? [] : DEFAULT_CAPABILITIES.filter((name) => !dropped.includes(name));
  return [...kept, ...(capabilities?.add ?? [])].map((name) => `CAP_${name}`);
}

interface Call {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly object[];
  readonly errnoRet?: number;
  readonly includes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
  readonly excludes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
}

/** A profile in Docker's format, as it is applied to a container with these capabilities: without any, Kubernetes applies none. */
function profileOf({ seccompProfile }: SecurityContext, capabilities: readonly string[]): object | undefined {
  if (seccompProfile === undefined) return undefined;
  const own = join(REPOSITORY, "deploy/seccomp", seccompProfile.localhostProfile ?? "");
  const path = seccompProfile.type === "Localhost" ? own : DEFAULT_PROFILE;
  const { defaultAction, defaultErrnoRet, syscalls } = JSON.parse(readFileSync(path, "utf8")) as {
    readonly defaultAction: string;
    readonly defaultErrnoRet?: number;
    readonly syscalls: readonly Call[];
  };
  const arch = process.arch === "x64" ? "amd64" : "arm64";
  const applies = ({ includes, excludes }: Call): boolean =>
    (includes?.caps ?? []).every((name) => capabilities.includes(name)) &&
    (includes?.arches === undefined || includes.arches.includes(arch)) &&
    !(excludes?.caps ?? []).some((name) => capabilities.includes(name)) &&
    !(excludes?.arches ?? []).includes(arch);
  return {
    ...{ defaultAction, defaultErrnoRet },
    architectures: ARCHITECTURES.filter((name) => /AARCH64|ARM/.test(name) === (arch === "arm64")),
    syscalls: syscalls.filter(applies).map(({ names, action, args, errnoRet }) => ({
      ...{ names, action },
      ...(args === undefined || args === null ? {} : { args }),
      ...(errnoRet === undefined || errnoRet === null ? {} : { errnoRet }),
    })),
  };
}
