import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Peer, versionOf } from "./peer.ts";

/** filebeat: its file stream input to its Elasticsearch output, JSON with gzip over TLS. */
export const filebeat: Peer = {
  program: "filebeat",
  subjects: (program) => [
    {
      name: "filebeat, bulk",
      version: versionOf(program, "version"),
      work: "Elasticsearch's bulk API: JSON, gzip, HTTPS",
      transport: "https",
      form: "bulk",
      isOurs: false,
      command: ({ own, logs, depth, port, caFile }) => {
        const config = join(own, "filebeat.yml");
        writeFileSync(
          config,
          // JSON is YAML.
          JSON.stringify({
            "filebeat.inputs": [
              { type: "filestream", id: "bench", paths: [join(logs, depth === 1 ? "*.log" : "*/*.log")] },
            ],
            "setup.template.enabled": false,
            "setup.ilm.enabled": false,
            "logging.level": "error",
            "output.elasticsearch": {
              hosts: [`https://127.0.0.1:${port}`],
              index: "bench",
              compression_level: 1,
              "ssl.certificate_authorities": [caFile],
            },
          }),
        );
        const args = [
          "--strict.perms=false",
          "-e",
          "-c",
          config,
          "--path.home",
          own,
          "--path.data",
          join(own, "state"),
        ];
        return { program, args, env: { PATH: process.env.PATH } };
      },
    },
  ],
};
