import { cpus, loadavg, release, totalmem } from "node:os";

/** Where numbers were made. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Programs that waited for a core when it began, over the last minute. */
  readonly load: number;
}

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.versions.node,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function machineText({ processor, cores, memoryGb, kernel, node, load }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node ${node}, load at the start ${load}`;
}
