export type { Config } from "./config.ts";
export { CONFIG_ERROR_STATUS, type LoadOptions, type LoadResult, loadConfig } from "./load.ts";
export { Secret } from "./secret.ts";
