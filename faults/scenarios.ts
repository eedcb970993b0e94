import type { Scenario } from "./scenario.ts";
import { EXCHANGES } from "./scenarios/exchanges.ts";
import { MACHINE } from "./scenarios/machine.ts";
import { NETWORK } from "./scenarios/network.ts";
import { PROCESSES } from "./scenarios/processes.ts";
import { STORM } from "./scenarios/storm.ts";

/** Every scenario: adding one is adding it to one of these lists. */
export const SCENARIOS: readonly Scenario[] = [...NETWORK, ...EXCHANGES, ...PROCESSES, ...MACHINE, ...STORM];
