import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Peer, versionOf } from "./peer.ts";

/** The OpenTelemetry Collector: its file log receiver to its OTLP exporter, protobuf with gzip over TLS. */
export function otelcol(program: "otelcol" | "otelcol-contrib"): Peer {
  return {
    program,
    subjects: (path) => [
      {
        name: `${program}, OTLP`,
        version: versionOf(path),
        work: "OTLP/HTTP: protobuf, gzip, HTTPS",
        transport: "https",
        form: "otlp-protobuf",
        isOurs: false,
        command: ({ own, logs, depth, port, caFile }) => {
          const config = join(own, "otelcol.json");
          writeFileSync(
            config,
            // JSON is YAML.
            JSON.stringify({
              receivers: {
                filelog: { include: [join(logs, depth === 1 ? "*.log" : "*/*.log")], start_at: "beginning" },
              },
              processors: { batch: {} },
              exporters: {
                otlphttp: { endpoint: `https://127.0.0.1:${port}`, compression: "gzip", tls: { ca_file: caFile } },
              },
              service: {
                telemetry: { metrics: { level: "none" }, logs: { level: "error" } },
                pipelines: { logs: { receivers: ["filelog"], processors: ["batch"], exporters: ["otlphttp"] } },
              },
            }),
          );
          return { program: path, args: ["--config", `file:${config}`], env: { PATH: process.env.PATH } };
        },
      },
    ],
  };
}
