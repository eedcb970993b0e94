/** Rights on files, `<linux/landlock.h>`, with the ABI version that brought them (landlock(7), "Previous limitations"). */
export const ACCESS_FS = {
  EXECUTE: 1n << 0n,
  WRITE_FILE: 1n << 1n,
  READ_FILE: 1n << 2n,
  READ_DIR: 1n << 3n,
  REMOVE_DIR: 1n << 4n,
  REMOVE_FILE: 1n << 5n,
  MAKE_CHAR: 1n << 6n,
  MAKE_DIR: 1n << 7n,
  MAKE_REG: 1n << 8n,
  MAKE_SOCK: 1n << 9n,
  MAKE_FIFO: 1n << 10n,
  MAKE_BLOCK: 1n << 11n,
  MAKE_SYM: 1n << 12n,
  REFER: 1n << 13n,
  TRUNCATE: 1n << 14n,
  IOCTL_DEV: 1n << 15n,
} as const;

export const ACCESS_NET = { BIND_TCP: 1n << 0n, CONNECT_TCP: 1n << 1n } as const;
const SCOPE = { ABSTRACT_UNIX_SOCKET: 1n << 0n, SIGNAL: 1n << 1n } as const;

/** Everything of version 1: the first 13 rights. */
const FS_OF_FIRST_ABI = (1n << 13n) - 1n;

/** What a kernel can be asked to refuse. */
export interface Handled {
  readonly fs: bigint;
  readonly net: bigint;
  readonly scopes: bigint;
}

/** The most that a version of the ABI handles. */
export function handledBy(abi: number): Handled {
  let fs = abi >= 1 ? FS_OF_FIRST_ABI : 0n;
  if (abi >= 2) fs |= ACCESS_FS.REFER;
  if (abi >= 3) fs |= ACCESS_FS.TRUNCATE;
  if (abi >= 5) fs |= ACCESS_FS.IOCTL_DEV;
  return {
    fs,
    net: abi >= 4 ? ACCESS_NET.BIND_TCP | ACCESS_NET.CONNECT_TCP : 0n,
    scopes: abi >= 6 ? SCOPE.ABSTRACT_UNIX_SOCKET | SCOPE.SIGNAL : 0n,
  };
}

const LATER: readonly (readonly [abi: number, linux: string, gap: string])[] = [
  [3, "6.2", "files that the user could write to may be truncated by truncate(2)"],
  [4, "6.7", "TCP connections to any port, and listening on any port, are possible"],
  [5, "6.10", "ioctl(2) on devices that can be opened is possible"],
  [6, "6.12", "abstract unix sockets of other processes can be connected to"],
  [
    6,
    "6.12",
    "processes of the same user can be signalled by calls that the system call filter does not see the target of",
  ],
];

/** What no version of the ABI governs. */
const NEVER = [
  "a TCP port that may be connected to may be so on any host; where listening is allowed, also at a port of the kernel's choice",
  "UDP is not restricted: a packet can be sent to any host, as a name look-up does",
  "names, sizes and modes of files can be looked up wherever the modes let the user, though not their content",
];

/** What the version leaves open, each one line: first what a newer kernel would close. */
export function gapsOf(abi: number): string[] {
  return [
    ...LATER.filter(([since]) => abi < since).map(([, linux, gap]) => `${gap} (closed by Linux ${linux})`),
    ...NEVER,
  ];
}
