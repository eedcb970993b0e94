import { readSync, rmSync } from "node:fs";
import { libc } from "@logdna-agent/confinement";

/** unix(7): `<bits/socket.h>`, `<bits/socket_type.h>`. */
const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
const MAX_MESSAGE = 4096;

/** The service manager's end of sd_notify(3). */
export interface NotifyReceiver {
  readonly path: string;
  /** What was told so far, each message as it came. */
  messages(): readonly string[];
}

/** Binds a real datagram socket, which Node has no class for. A path that begins with "@" is a name in the abstract namespace. */
export function notifyReceiver(path: string): NotifyReceiver {
  const calls = libc();
  if (typeof calls === "string") throw new Error(calls);
  if (!path.startsWith("@")) rmSync(path, { force: true });
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
  const socket = calls.syscall("socket", AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  if ("code" in socket) throw new Error(`socket: ${socket.code}`);
  const bound = calls.syscall("bind", socket.value, address, address.length);
  if ("code" in bound) throw new Error(`bind ${path}: ${bound.code}`);
  const told: string[] = [];
  const buffer = Buffer.alloc(MAX_MESSAGE);
  return {
    path,
    messages() {
      for (;;) {
        try {
          told.push(buffer.toString("utf8", 0, readSync(socket.value, buffer)));
        } catch {
          // EAGAIN: there is no more.
          return told;
        }
      }
    },
  };
}
