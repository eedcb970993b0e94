import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";

/** What the name server does with a query. */
export type DnsMode =
  | "answers"
  /** The address that it tells is one where nobody listens. */
  | "moved"
  /** NXDOMAIN. */
  | "unknown"
  /** SERVFAIL. */
  | "failing"
  | "silent";

const NOWHERE = "127.0.0.9";
const A = 1;
const RESPONSE = 0x8180;
const CODES = { answers: 0, moved: 0, unknown: 3, failing: 2, silent: 0 } as const satisfies Record<DnsMode, number>;

/** A name server (RFC 1035) that knows one IPv4 address for every name, on port 53 of an address of loopback. */
export class DnsServer {
  readonly #socket: Socket;
  readonly address: string;
  mode: DnsMode = "answers";
  target = "127.0.0.1";

  private constructor(socket: Socket, address: string) {
    this.#socket = socket;
    this.address = address;
    socket.on("message", (query, from) => {
      if (this.mode !== "silent") socket.send(this.#answer(query), from.port, from.address);
    });
  }

  /** @throws when port 53 cannot be bound, as without root. */
  static async start(address = ownAddress()): Promise<DnsServer> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(53, address, resolve);
    });
    return new DnsServer(socket, address);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(query: Buffer): Buffer {
    let end = 12;
    while (query[end] !== 0) end += (query[end] ?? 0) + 1;
    const question = query.subarray(12, end + 5);
    const code = CODES[this.mode];
    const found = code === 0 && query.readUInt16BE(end + 1) === A;
    const header = Buffer.alloc(12);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(RESPONSE | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found ? 1 : 0, 6);
    if (!found) return Buffer.concat([header, question]);
    const address = this.mode === "moved" ? NOWHERE : this.target;
    // A pointer to the name of the question, type A, class IN, no time to live, four bytes.
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)]);
    return Buffer.concat([header, question, record]);
  }
}

/** An address of loopback that no other run of these programs uses. */
function ownAddress(): string {
  return `127.${128 + (process.pid & 127)}.${(process.pid >> 7) & 255}.53`;
}
