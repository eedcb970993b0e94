/** Every measure, in the order of the report. */
import type { Measure } from "../measure.ts";
import { backlog } from "./backlog.ts";
import { confinement } from "./confinement.ts";
import { floor } from "./floor.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import { outage } from "./outage.ts";
import { rules } from "./rules.ts";
import { bytes, directories, files, lineLengths } from "./scaling.ts";
import { startUp } from "./start_up.ts";
import { throughput } from "./throughput.ts";

export const MEASURES: readonly Measure[] = [
  ...[throughput, latency, idle, startUp, confinement, rules],
  ...[bytes, files, directories, lineLengths, backlog, outage, floor],
];
