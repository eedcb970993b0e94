import manifest from "../package.json" with { type: "json" };

/** Version of the agent. */
export const VERSION: string = manifest.version;

/** How the agent names itself to a server: product, version and platform. */
export const USER_AGENT = `logdna-agent/${VERSION} (${process.platform}; ${process.arch}; node ${process.versions.node})`;
