import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subject, Task } from "../subject.ts";
import { type Peer, versionOf } from "./peer.ts";

/** fluent-bit: its `logdna` output, which has no compression, and its `http` output with gzip. Both over TLS. */
export const fluentBit: Peer = {
  program: "fluent-bit",
  subjects: (program) => {
    const version = versionOf(program);
    const subject = (name: string, work: string, form: Subject["form"], output: (task: Task) => string): Subject => ({
      ...{ name, version, work, form, transport: "https", isOurs: false },
      command: (task) => {
        const config = join(task.own, "fluent-bit.conf");
        writeFileSync(config, configuration(task, output(task)));
        return { program, args: ["-c", config], env: { PATH: process.env.PATH } };
      },
    });
    return [
      subject(
        "fluent-bit, http",
        "JSON, gzip, HTTPS",
        { mark: '"log":"' },
        ({ port, caFile }) => `    Name http
    Match *
    Host 127.0.0.1
    Port ${port}
    URI /logs
    Format json
    Compress gzip
    tls On
    tls.ca_file ${caFile}`,
      ),
      subject(
        "fluent-bit, logdna",
        "LogDNA's protocol: JSON, no compression (it has none), HTTPS",
        { mark: '"line":' },
        ({ port, caFile }) => `    Name logdna
    Match *
    Logdna_host 127.0.0.1
    Logdna_port ${port}
    Api_key bench-key-0123456789
    Hostname bench
    App bench
    tls On
    tls.ca_file ${caFile}`,
      ),
    ];
  },
};

/** Positions of files in a database, as an agent needs them; a limit of memory, as its documentation advises. */
function configuration({ own, logs, depth }: Task, output: string): string {
  return `[SERVICE]
    Flush 1
    Daemon Off
    Log_Level warn
[INPUT]
    Name tail
    Path ${join(logs, depth === 1 ? "*.log" : "*/*.log")}
    Path_Key file
    Read_from_Head On
    DB ${join(own, "state/positions.db")}
    Buffer_Max_Size 256k
    Mem_Buf_Limit 50MB
[OUTPUT]
${output}
    Retry_Limit False
`;
}
