import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Peer, versionOf } from "./peer.ts";

/** The LogDNA agent v2, of which this project takes the place: the same configuration. */
export const logdnaAgent: Peer = {
  program: "logdna-agent",
  subjects: (program) => [
    {
      name: "logdna-agent v2",
      version: versionOf(program),
      work: "LogDNA's protocol: JSON, gzip, HTTPS",
      transport: "https",
      form: { mark: '"line":"' },
      isOurs: false,
      command: ({ own, logs, port, caFile }) => {
        const config = join(own, "config.yaml");
        writeFileSync(config, `log:\n  dirs: [${JSON.stringify(logs)}]\n`);
        return {
          program,
          args: [],
          env: {
            PATH: process.env.PATH,
            MZ_CONFIG_FILE: config,
            MZ_INGESTION_KEY: "bench-key-0123456789",
            MZ_HOST: `127.0.0.1:${port}`,
            MZ_USE_SSL: "true",
            MZ_DB_PATH: join(own, "state"),
            MZ_LOOKBACK: "start",
            MZ_HOSTNAME: "bench",
            SSL_CERT_FILE: caFile,
          },
        };
      },
    },
  ],
};
