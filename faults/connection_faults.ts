import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** What happens to a connection instead of an exchange; held ones stay as they are until the fault ends. */
interface ConnectionFault {
  act(socket: Socket, hold: () => void): void;
}

/** A fatal alert "handshake_failure" (RFC 8446, 6). */
const TLS_ALERT = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]);

/** Every way in which a connection goes wrong: adding one is adding an entry here. */
export const CONNECTION_FAULTS = {
  /** Accepted and reset at once. */
  reset_at_accept: { act: (socket) => socket.resetAndDestroy() },
  /** Accepted and closed at once. */
  close_at_accept: { act: (socket) => socket.end() },
  /** Accepted and never read: as well a TLS handshake that does not begin. */
  stall_at_accept: { act: (_, hold) => hold() },
  /** The first bytes are read, which with TLS are those of the handshake; then it is reset. */
  reset_in_handshake: { act: (socket) => void socket.once("data", () => socket.resetAndDestroy()) },
  /** The first bytes are read and nothing comes back. */
  stall_in_handshake: {
    act: (socket, hold) => {
      hold();
      socket.resume();
    },
  },
  /** TLS refuses the handshake. */
  alert_in_handshake: { act: (socket) => void socket.once("data", () => socket.end(TLS_ALERT)) },
  /** Something else listens there. */
  other_protocol: { act: (socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n") },
} as const satisfies Record<string, ConnectionFault>;

export type ConnectionFaultName = keyof typeof CONNECTION_FAULTS;
