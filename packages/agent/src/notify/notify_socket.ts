import { type Confinement, libc } from "@logdna-agent/confinement";

/** The name under which the descriptor of the connected socket is handed to the confined process. */
export const NOTIFY_FD = "LOGDNA_NOTIFY_FD";

/** unix(7), socket(2): `<sys/un.h>`, `<bits/socket.h>`, `<bits/socket_type.h>`. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** A manager that does not read must not hold the agent up. */
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const FAMILY_BYTES = 2;
const PATH_BYTES = 108;

/**
 * Connects to the socket at which the service manager wants to be told how the service is: sd_notify(3). Node has no datagram
 * sockets of this family; once it is connected, write(2) sends one. So the confined process, which can make no such socket,
 * needs no call for it that it would not have anyway.
 * @returns the descriptor; undefined where there is no manager, or it cannot be reached: the service works without.
 */
export function connectNotifySocket({ NOTIFY_SOCKET: path = "" }: NodeJS.ProcessEnv): number | undefined {
  const calls = libc();
  // A name in the abstract namespace begins with "@"; other kinds of socket are for virtual machines.
  if (!/^[/@]./.test(path) || typeof calls === "string") return undefined;
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > PATH_BYTES) return undefined;
  const address = Buffer.alloc(FAMILY_BYTES + name.length);
  // In the order of the machine's bytes, which is this one on every architecture that there are calls for.
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, FAMILY_BYTES);
  const socket = calls.syscall("socket", AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if ("code" in socket) return undefined;
  const connected = calls.syscall("connect", socket.value, address, address.length);
  return "code" in connected ? undefined : socket.value;
}

/** The descriptor that a confined process was given; undefined where there is none. */
export function notifySocketOf({ secrets }: Pick<Confinement, "secrets">): number | undefined {
  const number = secrets[NOTIFY_FD];
  return number === undefined ? undefined : Number(number);
}
