/** The other programs that log files are shipped with, as far as they are installed. */
import type { Subject } from "../subject.ts";
import { filebeat } from "./filebeat.ts";
import { fluentBit } from "./fluent_bit.ts";
import { logdnaAgent } from "./logdna_agent.ts";
import { otelcol } from "./otelcol.ts";
import { onPath, type Peer } from "./peer.ts";
import { rsyslog } from "./rsyslog.ts";
import { syslogNg } from "./syslog_ng.ts";
import { vector } from "./vector.ts";

const PEERS: readonly Peer[] = [
  ...[fluentBit, rsyslog, syslogNg, vector, otelcol("otelcol"), otelcol("otelcol-contrib"), logdnaAgent, filebeat],
];

/** Programs that are looked for. */
export const PEER_PROGRAMS = PEERS.map(({ program }) => program);

/** What is on PATH, in every way that it is set up. */
export function installedPeers(): Subject[] {
  return PEERS.flatMap((peer) => {
    const program = onPath(peer.program);
    return program === undefined ? [] : peer.subjects(program);
  });
}
