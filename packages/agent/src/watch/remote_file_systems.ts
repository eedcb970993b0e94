import { statfs } from "node:fs/promises";
import type { WatchReport } from "./sink.ts";

/**
 * File systems that other machines (or a user-space server) change without this kernel's knowledge, so that inotify stays
 * silent (inotify(7), "Limitations and caveats"). Numbers: statfs(2) and `<linux/magic.h>`.
 */
const REMOTE = new Map<number, string>([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x65735546, "FUSE"],
  [0x01021997, "9p"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
  [0x73757245, "Coda"],
  [0x564c, "NCP"],
  [0x0bd00bd0, "Lustre"],
  [0x19830326, "BeeGFS"],
  [0x47504653, "GPFS"],
  [0x01161970, "GFS2"],
  [0x7461636f, "OCFS2"],
  [0x786f4256, "VirtualBox shared folder"],
  [0xbacbacbc, "VMware shared folder"],
]);

/** The name of a remote file system's type; undefined for a local one. `type` is statfs's `f_type`, maybe sign-extended. */
export function remoteType(type: number): string | undefined {
  return REMOTE.get(type >>> 0);
}

/** Remembers for each device whether its changes may come from elsewhere. */
export class RemoteFileSystems {
  readonly #byDevice = new Map<bigint, boolean>();
  readonly #report: (event: WatchReport) => void;

  constructor(report: (event: WatchReport) => void) {
    this.#report = report;
  }

  async isRemote(device: bigint, handle: string, path: string): Promise<boolean> {
    const known = this.#byDevice.get(device);
    if (known !== undefined) return known;
    const type = remoteType((await statfs(handle)).type);
    const remote = type !== undefined;
    this.#byDevice.set(device, remote);
    if (remote) this.#report({ name: "remote_file_system", path, type });
    return remote;
  }

  /** Device numbers are used again after an unmount. */
  forget(): void {
    this.#byDevice.clear();
  }
}
