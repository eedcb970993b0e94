/**
 * What a Linux system keeps where, as far as the confined process reads it. None of it holds a secret: directories that
 * lie beside one, such as /etc/ssl with its private keys, are not named as a whole.
 */

/** Shared libraries, and what the dynamic loader reads: ld.so(8). */
export const LIBRARIES = [
  "/lib",
  "/lib64",
  "/usr/lib",
  "/usr/lib64",
  "/usr/local/lib",
  "/etc/ld.so.cache",
  "/etc/ld.so.preload",
];

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
