import { readFileSync } from "node:fs";

const manifest: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** Version of the agent. */
export const VERSION = manifest.version;

/** How the agent names itself to a server: product, version and platform. */
export const USER_AGENT = `logdna-agent/${VERSION} (${process.platform}; ${process.arch}; node ${process.versions.node})`;
