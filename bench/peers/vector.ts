import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Peer, versionOf } from "./peer.ts";

/** Vector: its `file` source to its `http` sink, JSON with gzip over TLS, with acknowledgements from end to end. */
export const vector: Peer = {
  program: "vector",
  subjects: (program) => [
    {
      name: "vector, http",
      version: versionOf(program),
      work: "JSON, gzip, HTTPS",
      transport: "https",
      form: { mark: '"message":"' },
      isOurs: false,
      command: ({ own, logs, depth, port, caFile }) => {
        const config = join(own, "vector.json");
        writeFileSync(
          config,
          JSON.stringify({
            data_dir: join(own, "state"),
            sources: {
              files: {
                type: "file",
                include: [join(logs, depth === 1 ? "*.log" : "*/*.log")],
                read_from: "beginning",
                ignore_checkpoints: false,
              },
            },
            sinks: {
              out: {
                type: "http",
                inputs: ["files"],
                uri: `https://127.0.0.1:${port}/logs`,
                compression: "gzip",
                encoding: { codec: "json" },
                tls: { ca_file: caFile },
                acknowledgements: { enabled: true },
              },
            },
          }),
        );
        return { program, args: ["--quiet", "--config", config], env: { PATH: process.env.PATH } };
      },
    },
  ],
};
