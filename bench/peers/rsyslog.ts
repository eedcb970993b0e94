import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Peer, versionOf } from "./peer.ts";

/** rsyslog: `imfile` to `omfwd`, lines as they are over TCP. Debian's packages have no output for HTTP. */
export const rsyslog: Peer = {
  program: "rsyslogd",
  subjects: (program) => [
    {
      name: "rsyslog, TCP",
      version: versionOf(program, "-v"),
      work: "lines as they are, TCP, no acknowledgement",
      transport: "tcp",
      form: { mark: "\n" },
      isOurs: false,
      command: ({ own, logs, depth, port }) => {
        const config = join(own, "rsyslog.conf");
        const files = join(logs, depth === 1 ? "*.log" : "*/*.log");
        writeFileSync(
          config,
          `global(workDirectory="${join(own, "state")}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" file="${files}" tag="bench" ruleset="out")
ruleset(name="out") {
  action(type="omfwd" target="127.0.0.1" port="${port}" protocol="tcp" template="line" action.resumeRetryCount="-1" action.resumeInterval="1")
}
`,
        );
        return {
          program,
          args: ["-n", "-f", config, "-i", join(own, "pid")],
          env: { PATH: process.env.PATH },
        };
      },
    },
  ],
};
