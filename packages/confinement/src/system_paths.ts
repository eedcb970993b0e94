import { readFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * What a Linux system keeps where, as far as the confined process reads it. None of it holds a secret: directories that
 * lie beside one, such as /etc/ssl with its private keys, are not named as a whole.
 */

/** What the dynamic loader reads: ld.so(8). */
const LOADER = ["/etc/ld.so.cache", "/etc/ld.so.preload"];
/** Where it looks when no cache tells it: `SYSTEM_DIRS` of glibc for the two architectures, and musl's on a system of it. */
const LIBRARY_DIRECTORIES = ["/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"];

/**
 * Shared libraries: the loader's directories and those that this process has libraries from, which are those of the system's
 * package manager. Not all of /usr/lib and /usr/local/lib: whole programs are there, some with secrets of theirs.
 */
export function libraries(maps: string = ownMaps()): string[] {
  const used = maps.split("\n").flatMap((line) => {
    // proc_pid_maps(5)
    const path = /^\S+ \S+ \S+ \S+ \S+\s+(\/.*\.so[.\d]*)$/.exec(line)?.[1];
    return path === undefined ? [] : [dirname(path)];
  });
  return [...new Set([...LOADER, ...LIBRARY_DIRECTORIES, ...used])];
}

function ownMaps(): string {
  try {
    return readFileSync("/proc/self/maps", "utf8");
  } catch {
    return "";
  }
}

/** Name look-ups: resolv.conf(5), hosts(5), nsswitch.conf(5), gai.conf(5), host.conf(5), services(5), nss-resolve(8). */
export const RESOLVER = [
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/hostname",
  "/etc/nsswitch.conf",
  "/etc/host.conf",
  "/etc/gai.conf",
  "/etc/services",
  "/etc/protocols",
  "/etc/networks",
  "/etc/ethers",
  "/run/systemd/resolve",
  "/run/resolvconf",
  "/run/NetworkManager/resolv.conf",
  "/run/NetworkManager/no-stub-resolv.conf",
];

/** Certificate authorities of Debian, Red Hat, SUSE and Alpine, and OpenSSL's configuration. */
export const CERTIFICATES = [
  "/etc/ssl/certs",
  "/etc/ssl/cert.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/openssl.cnf",
  "/etc/pki/tls/certs",
  "/etc/pki/tls/cert.pem",
  "/etc/pki/tls/openssl.cnf",
  "/etc/pki/ca-trust/extracted",
  "/etc/crypto-policies/back-ends",
  "/usr/share/ca-certificates",
  "/usr/share/pki/ca-trust-source",
  "/usr/local/share/ca-certificates",
  "/var/lib/ca-certificates",
];

/** Time zones: tzset(3). */
export const TIME = ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"];

/** What Node, V8 and libuv look at to size themselves, and what limits inotify(7). */
export const KERNEL = [
  "/proc/sys/fs/inotify",
  "/proc/sys/vm/overcommit_memory",
  "/proc/cpuinfo",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/uptime",
  "/proc/loadavg",
  "/sys/devices/system/cpu",
  "/sys/fs/cgroup",
  "/sys/kernel/mm/transparent_hugepage",
];

/** Users by number, for what is printed: getpwuid(3). */
export const USERS = ["/etc/passwd", "/etc/group"];
