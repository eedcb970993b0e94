export type { AgentEvent } from "./events.ts";
export { LOG_LEVELS, type LogLevel } from "./level.ts";
export { printable } from "./printable.ts";
export type { MetricsSnapshot } from "./registry.ts";
export { createTelemetry, type Telemetry } from "./telemetry.ts";
