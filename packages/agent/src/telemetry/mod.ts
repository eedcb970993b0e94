export { LOG_LEVELS, type LogLevel } from "./level.ts";
export { createTelemetry, type Telemetry } from "./telemetry.ts";
