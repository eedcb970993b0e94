export type { Config } from "./config.ts";
export { CONFIGURATION_GUIDE } from "./guide.ts";
export { type LoadOptions, type LoadResult, loadConfig } from "./load.ts";
export { renderOptionsMarkdown } from "./markdown.ts";
export { CONFIG_ERROR_STATUS } from "./problem.ts";
export { configSchema } from "./schema.ts";
export { Secret } from "./secret.ts";
