export * from "./read_api.ts";
export * from "./wire.ts";
