/** This project's agent as a subject: bundled, as it is released, and started with the flags of its launcher. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VARIABLES } from "../packages/agent/src/commands/small_memory.ts";
import type { Subject } from "./subject.ts";

const ROOT = join(import.meta.dirname, "..");

/** A way in which the agent is set up. */
export interface AgentVariant {
  readonly name: string;
  /** Variables of its environment besides those that every run has. */
  readonly env: Readonly<Record<string, string>>;
  /** The bundle's `main.mjs`; undefined for that of this checkout. */
  readonly program?: string | undefined;
}

export function agentSubject(variant: AgentVariant, bundle: string): Subject {
  const { name, env: further, program = bundle } = variant;
  const { version } = JSON.parse(readFileSync(join(ROOT, "packages/agent/package.json"), "utf8")) as {
    version: string;
  };
  return {
    name,
    version,
    work: "LogDNA's protocol: JSON, gzip, HTTPS",
    transport: "https",
    form: { mark: '{"line":' },
    isOurs: true,
    watching: /"agent_started"/,
    command: ({ own, logs, port, caFile, env }) => {
      const config = join(own, "config.yaml");
      writeFileSync(config, `log:\n  dirs: [${JSON.stringify(logs)}]\n`);
      return {
        program: process.execPath,
        args: [...launcherFlags(), program],
        env: {
          PATH: process.env.PATH,
          ...VARIABLES,
          LOGDNA_INGESTION_KEY: "bench-key-0123456789",
          LOGDNA_HOST: `127.0.0.1:${port}`,
          LOGDNA_DB_PATH: join(own, "state"),
          LOGDNA_HOSTNAME: "bench",
          LOGDNA_LOOKBACK: "start",
          LOGDNA_CONFIG_FILE: config,
          SSL_CERT_FILE: caFile,
          ...env,
          ...further,
        },
      };
    },
  };
}

/** Flags of Node that the launcher gives, so that a limit that is set there is measured here. */
export function launcherFlags(): string[] {
  const launcher = readFileSync(join(ROOT, "bin/logdna-agent"), "utf8");
  const flags = /^exec "\$node" (.*) "\$root/m.exec(launcher)?.[1];
  if (flags === undefined) throw new Error('bin/logdna-agent has no line `exec "$node" FLAGS "$root/…"`.');
  return flags.split(" ");
}
