import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subject, Task } from "../subject.ts";
import { type Peer, versionOf } from "./peer.ts";

/** syslog-ng: lines as they are over TCP, and where its module `http` is installed, as JSON of LogDNA's protocol over HTTPS. */
export const syslogNg: Peer = {
  program: "syslog-ng",
  subjects: (program) => {
    const version = versionOf(program, "-V");
    const command = (task: Task, destination: string): ReturnType<Subject["command"]> => {
      const config = join(task.own, "syslog-ng.conf");
      writeFileSync(config, configuration(task, version, destination));
      const state = join(task.own, "state");
      return {
        program,
        args: [
          ...["--foreground", "--no-caps", "--cfgfile", config, "--persist-file", join(state, "persist")],
          ...["--pidfile", join(state, "pid"), "--control", join(state, "control")],
        ],
        env: { PATH: process.env.PATH },
      };
    };
    // Compression of requests came with 4.4.
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const compresses = major > 4 || (major === 4 && minor >= 4);
    return [
      {
        name: "syslog-ng, TCP",
        version,
        work: "lines as they are, TCP, no acknowledgement",
        transport: "tcp",
        form: { mark: "\n" },
        isOurs: false,
        command: (task) =>
          command(task, `network("127.0.0.1" port(${task.port}) template("$MESSAGE\\n") time-reopen(1))`),
      },
      {
        name: "syslog-ng, HTTPS",
        version,
        work: `LogDNA's protocol: JSON, ${compresses ? "gzip" : "no compression (its version has none)"}, HTTPS`,
        transport: "https",
        form: { mark: '"line":"' },
        isOurs: false,
        command: (task) => command(task, httpDestination(task, compresses)),
      },
    ];
  },
};

/** The window of messages under way is divided among as many files as may be open, so what it takes is counted. */
function configuration({ logs, depth }: Task, version: string, destination: string): string {
  const files = readdirSync(logs, { recursive: true }).length + 10;
  const window = Math.max(100_000, 100 * files);
  return `@version: ${version.split(".").slice(0, 2).join(".")}
options { stats-freq(0); log-msg-size(65536); log-fifo-size(${window}); time-reopen(1); };
source files {
  wildcard-file(base-dir("${logs}") filename-pattern("*.log") recursive(${depth === 1 ? "no" : "yes"}) max-files(${files}) log-iw-size(${window}) flags(no-parse));
};
destination out { ${destination}; };
log { source(files); destination(out); flags(flow-control); };
`;
}

function httpDestination({ port, caFile }: Task, compresses: boolean): string {
  return `http(
    url("https://127.0.0.1:${port}/logs/agent?hostname=bench") method("POST") headers("Content-Type: application/json", "apikey: bench-key-0123456789")
    tls(ca-file("${caFile}") peer-verify(yes)) workers(4) batch-lines(10000) batch-bytes(2Mb) batch-timeout(100)${compresses ? ' content-compression("gzip")' : ""}
    body-prefix("{\\"lines\\":[") delimiter(",") body-suffix("]}")
    body('$(format-json line=$MESSAGE file=$FILE_NAME timestamp=int64($UNIXTIME))')
  )`;
}
