/** Names by number, without `CAP_`: capabilities(7), `<linux/capability.h>`. */
const NAMES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETGID",
  "SETUID",
  "SETPCAP",
  "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_CHROOT",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "MKNOD",
  "LEASE",
  "AUDIT_WRITE",
  "AUDIT_CONTROL",
  "SETFCAP",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
  "PERFMON",
  "BPF",
  "CHECKPOINT_RESTORE",
] as const;

/** The one capability that may be kept: reading any file and searching any directory, whatever their modes. */
export const CAP_DAC_OVERRIDE = 1;
export const CAP_DAC_READ_SEARCH = NAMES.indexOf("DAC_READ_SEARCH");
/** Emptying the bounding set and setting the securebits take it. */
export const CAP_SETPCAP = NAMES.indexOf("SETPCAP");
export const CAP_SETUID = NAMES.indexOf("SETUID");
export const CAP_SETGID = NAMES.indexOf("SETGID");

/** The capabilities of a set, as names such as `CAP_CHOWN`; one that is newer than this table is `CAP_<number>`. */
export function capabilityNames(set: bigint): string[] {
  const names: string[] = [];
  for (let number = 0; set >> BigInt(number) !== 0n; number++)
    if (hasCapability(set, number)) names.push(`CAP_${NAMES[number] ?? number}`);
  return names;
}

export function hasCapability(set: bigint, number: number): boolean {
  return ((set >> BigInt(number)) & 1n) === 1n;
}
