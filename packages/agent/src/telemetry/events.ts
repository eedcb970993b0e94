import type { LogLevel } from "./level.ts";
import type { CounterName, GaugeName, HistogramName } from "./registry.ts";

/** Where an event counts. */
interface Counting {
  add(counter: CounterName, by: number): void;
  set(gauge: GaugeName, value: number): void;
  observe(histogram: HistogramName, value: number): void;
}

/** What one event says and counts. `F` are its fields; undefined ones are left out of the log. */
export interface EventDefinition<F> {
  readonly level: LogLevel;
  /** One sentence for people: what happened, to what, what the system said, what to do. */
  message(fields: F): string;
  /** The counters that go with it, here and nowhere else, so that a number cannot drift from its log line. */
  count?(fields: F, counting: Counting): void;
  /** Repeats are limited for each value of this; without it for the event as a whole. */
  key?(fields: F): string;
}

/** States a definition; the type of its fields is inferred from it. */
function event<F extends object = Record<never, never>>(definition: EventDefinition<F>): EventDefinition<F> {
  return definition;
}

const byPath = (fields: { readonly path: string }): string => fields.path;
const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

const reasonIn = (fields: { readonly reason: string }): string => (fields.reason === "" ? "" : ` (${fields.reason})`);

/** What to do where the server wants other credentials. */
function howToBeAdmitted({ keyFile, isKeySent }: { keyFile?: string | undefined; isKeySent: boolean }): string {
  if (!isKeySent)
    return "Put the credentials that it wants into HEADERS, or say with KEY_HEADER where the ingestion key goes, and send SIGHUP, or restart";
  return keyFile === undefined
    ? "Put a valid one into the configuration and send SIGHUP, or restart"
    : `Put a valid one into ${keyFile}, which is read again before each attempt`;
}

/** What to do where the API server refuses the agent. */
function howToBeAllowed(status: number | undefined): string {
  if (status === 403) return "Its service account lacks a right: docs/kubernetes.md lists them. ";
  return status === 401 ? "The token of its service account is not accepted. " : "";
}

function countFailure(counting: Counting): void {
  counting.add("requests_failed", 1);
  counting.set("delivery_failing", 1);
}

/** Everything that can happen: adding an event is adding an entry here. */
export const EVENTS = {
  // --- the agent's life --------------------------------------------------------------------------------------------
  agent_started: event<{ version: string; pid: number; destination: string; logDirs: readonly string[] }>({
    level: "info",
    message: (e) => `Agent ${e.version} started: shipping ${e.logDirs.join(", ")} to ${e.destination}.`,
  }),
  shutdown_started: event<{ signal: string; timeoutMs: number }>({
    level: "info",
    message: (e) => `${e.signal} received: sending what is in hand, for at most ${seconds(e.timeoutMs)}.`,
  }),
  shutdown_complete: event<{ complete: boolean; durationMs: number }>({
    level: "info",
    message: (e) =>
      e.complete
        ? `Everything in hand was acknowledged within ${seconds(e.durationMs)}; stopped.`
        : `Stopped after ${seconds(e.durationMs)} without every acknowledgement; the next start sends the rest.`,
  }),
  start_failed: event<{ reason: string }>({
    level: "error",
    message: (e) => `Cannot start: ${e.reason}`,
  }),
  start_delayed: event<{ reason: string; inMs: number }>({
    level: "error",
    message: (e) => `Cannot begin: ${e.reason} Nothing is read meanwhile; it is tried again in ${seconds(e.inMs)}.`,
  }),
  confined: event<{
    layers: readonly string[];
    uid: number;
    capability: string;
    gaps: readonly string[];
  }>({
    level: "info",
    message: (e) =>
      `Everything but the right to read logs was given away (${e.layers.join(", ")}): user ${e.uid}, capability ${e.capability}.`,
  }),
  not_confined: event<{ reason: string }>({
    level: "warn",
    message: (e) => `The agent keeps all the power that it was started with: ${e.reason}.`,
  }),
  confinement_incomplete: event<{ lacking: readonly string[] }>({
    level: "warn",
    message: (e) => `The confinement is not complete here: ${e.lacking.join("; ")}.`,
  }),
  restart_delayed: event<{ reason: string; inMs: number }>({
    level: "warn",
    message: (e) =>
      `The agent has given away what this takes: ${e.reason}. It was started anew often lately, and asks for it in ${e.inMs / 1000} s.`,
  }),
  restart_needed: event<{ reason: string; status: number }>({
    level: "warn",
    message: (e) =>
      `The agent has given away what this takes: ${e.reason}. It ends with status ${e.status}, to be started anew.`,
  }),
  encoder_chosen: event<{ encoder: "kernel" | "zlib" }>({
    level: "debug",
    message: (e) => `Bodies are made by ${e.encoder === "kernel" ? "the kernel" : "zlib"}.`,
  }),
  coding_changed: event<{ coding: "gzip" | "zstd" }>({
    level: "info",
    message: (e) =>
      e.coding === "zstd"
        ? "The server takes zstd: requests are compressed with it from now on."
        : "Requests are compressed with gzip from now on.",
  }),
  coding_refused: event<{ retryInMs: number }>({
    level: "warn",
    message: (e) =>
      `A request that was compressed with zstd failed, and was accepted when it was sent again with gzip: all are for ${seconds(e.retryInMs)}. If this happens again and again, set COMPRESSION=gzip.`,
  }),
  kernel_failed: event<{ reason: string }>({
    level: "warn",
    message: (e) =>
      `The kernel that makes bodies is not used: ${e.reason}. zlib takes its place, which takes two to three times the CPU and loses nothing. Please report this with the version; ENCODER=zlib chooses it without a warning.`,
  }),
  agent_counters: event<Readonly<Record<CounterName, number>>>({
    level: "debug",
    message: (e) =>
      `Counted since the start: ${e.bytes_read} bytes read, ${e.bytes_shipped} shipped, ${e.bytes_empty} of empty lines, ${e.bytes_excluded} excluded, ${e.bytes_dropped} dropped.`,
  }),
  metrics_served: event<{ addresses: readonly string[] }>({
    level: "info",
    message: (e) => `Metrics and health are served at ${e.addresses.map((at) => `http://${at}`).join(" and ")}.`,
  }),
  metrics_unavailable: event<{ address: string; code: string; advice: string }>({
    level: "error",
    message: (e) =>
      `Cannot serve metrics and health at ${e.address} (${e.code}): ${e.advice}. Lines are shipped all the same.`,
    key: (e) => e.address,
  }),
  config_warning: event<{ detail: string }>({
    level: "warn",
    message: (e) => e.detail,
    key: (e) => e.detail,
  }),
  config_reloaded: event<{ changed: readonly string[] }>({
    level: "info",
    message: (e) =>
      e.changed.length === 0
        ? "Configuration read again: nothing changed."
        : `Configuration read again; changed: ${e.changed.join(", ")}.`,
    count: (_, counting) => counting.add("config_reloads", 1),
  }),
  config_reload_failed: event<{ errors: readonly string[] }>({
    level: "error",
    message: (e) => `The new configuration has errors, the old one stays in force: ${e.errors.join("; ")}`,
  }),

  config_file_gone: event<{ paths: readonly string[] }>({
    level: "warn",
    message: (e) =>
      `The configuration in force was read from ${e.paths.join(", ")}, which is not there any more. It stays in force; to go on without the file, send SIGHUP or restart.`,
  }),

  // --- Kubernetes --------------------------------------------------------------------------------------------------
  kubernetes_pods_known: event<{ node: string; pods: number }>({
    level: "info",
    message: (e) => `Lines of containers are enriched: ${plural(e.pods, "pod")} of the node ${e.node} are known.`,
  }),
  kubernetes_failed: event<{ attempt: string; reason: string; status: number | undefined }>({
    level: "warn",
    message: (e) =>
      `Cannot ${e.attempt}: ${e.reason}. ${howToBeAllowed(e.status)}Lines of containers are shipped all the same; it is tried again.`,
    count: (_, counting) => counting.add("k8s_api_failures", 1),
    key: (e) => e.attempt,
  }),
  pod_unknown: event<{ namespace: string; pod: string; container: string }>({
    level: "warn",
    message: (e) =>
      `Lines of the container ${e.container} of the pod ${e.pod} in ${e.namespace} are shipped without labels, annotations and image: the API server has not told of the pod.`,
    count: (_, counting) => counting.add("k8s_containers_unknown", 1),
  }),
  leader_elected: event<{ lease: string }>({
    level: "info",
    message: (e) => `This agent holds the lease ${e.lease} of the cluster.`,
    key: (e) => e.lease,
  }),
  leader_deposed: event<{ lease: string; gaveUp: boolean }>({
    level: "info",
    message: (e) =>
      e.gaveUp
        ? `The lease ${e.lease} is given up: another agent goes on.`
        : `The lease ${e.lease} could not be renewed in time: another agent goes on.`,
    key: (e) => e.lease,
  }),
  startup_turn: event<{ isTaken: boolean }>({
    level: "info",
    message: (e) =>
      e.isTaken ? "It is this agent's turn to start: reading begins." : "Reading begins without a lease for the start.",
  }),
  kubernetes_event_shipped: event({
    level: "debug",
    message: () => "The server has an event of the cluster.",
    count: (_, counting) => counting.add("k8s_lines", 1),
  }),

  // --- watching ----------------------------------------------------------------------------------------------------
  watch_limit_reached: event<{ path: string; setting: string; limit: number | null }>({
    level: "warn",
    message: (e) =>
      `Cannot watch ${e.path} for changes: the kernel's limit is reached (${e.setting} = ${e.limit ?? "unknown"}). Every few seconds it is looked at instead, which finds new lines later; raise it with: sysctl ${e.setting}=${Math.max(524_288, 2 * (e.limit ?? 0))}`,
  }),
  watch_limit_over: event({
    level: "info",
    message: () => "Every directory is watched for changes again.",
  }),
  root_resolved: event<{ given: string; path: string }>({
    level: "info",
    message: (e) => `The log directory ${e.given} is ${e.path}; its files are shipped under that name.`,
    key: (e) => e.given,
  }),
  root_is_link: event<{ path: string }>({
    level: "warn",
    message: (e) =>
      `The log directory ${e.path} is a symbolic link, which is not followed now: a new start follows it if it is root's, or leads to what its owner has.`,
    key: byPath,
  }),
  name_not_utf8: event<{ path: string }>({
    level: "warn",
    message: (e) => `A file name in ${e.path} is not UTF-8; it cannot be sent as text, so the file is skipped.`,
    key: byPath,
  }),
  remote_file_system: event<{ path: string; type: string }>({
    level: "info",
    message: (e) =>
      `${e.path} is on a file system of type ${e.type}, where changes by other hosts raise no events; it is looked at every few seconds.`,
    key: byPath,
  }),
  mounts_changed: event<{ paths: readonly string[] }>({
    level: "info",
    message: (e) => `File systems were mounted or unmounted at ${e.paths.join(", ")}.`,
  }),
  watch_unavailable: event<{ reason: string }>({
    level: "warn",
    message: (e) => `Kernel events are not available (${e.reason}); directories are looked at regularly instead.`,
  }),
  queue_overflow: event({
    level: "warn",
    message: () => "The kernel's event queue overflowed; every directory is looked at now.",
    count: (_, counting) => counting.add("watch_overflows", 1),
  }),
  root_missing: event<{ path: string }>({
    level: "warn",
    message: (e) => `The log directory ${e.path} does not exist; it is followed as soon as it appears.`,
    key: byPath,
  }),
  root_appeared: event<{ path: string }>({
    level: "info",
    message: (e) => `The log directory ${e.path} appeared and is followed.`,
    key: byPath,
  }),
  directory_unreadable: event<{ path: string; code: string }>({
    level: "warn",
    message: (e) => `Cannot list the directory ${e.path} (${e.code}); its files are not shipped until that works.`,
    key: byPath,
  }),

  // --- files -------------------------------------------------------------------------------------------------------
  file_found: event<{ path: string; offset: number; size: number }>({
    level: "debug",
    message: (e) => `Following ${e.path} from byte ${e.offset} of ${e.size}.`,
    count: (_, counting) => counting.add("files_found", 1),
  }),
  file_closed: event<{ path: string }>({
    level: "debug",
    message: (e) => `${e.path} is read to its end and closed.`,
    count: (_, counting) => counting.add("files_closed", 1),
  }),
  file_rotated: event<{ path: string; to?: string | undefined }>({
    level: "debug",
    message: (e) =>
      `${e.path} was rotated away${e.to === undefined ? "" : ` to ${e.to}`}; the rest of it is read first.`,
    count: (_, counting) => counting.add("rotations", 1),
  }),
  file_truncated: event<{ path: string; offset: number; recovered: string | undefined }>({
    level: "info",
    message: (e) =>
      `${e.path} was truncated; it had been read up to byte ${e.offset}${
        e.recovered === undefined ? "" : `, the rest is read from its copy ${e.recovered}`
      }.`,
    count: (_, counting) => counting.add("truncations", 1),
    key: byPath,
  }),
  restore_limited: event<{ path: string }>({
    level: "warn",
    message: (e) =>
      `What was rotated and compressed of ${e.path} before it was read is not unpacked, or not all of it: RETRY_DISK_LIMIT, or the free space of the state directory, allows no more.`,
    count: (_, counting) => counting.add("restores_limited", 1),
    key: byPath,
  }),
  file_restored: event<{ path: string; from: string; bytes: number }>({
    level: "info",
    message: (e) =>
      `${e.path} was rotated and compressed before it was read to its end; ${plural(e.bytes, "byte")} are read from ${e.from}.`,
    count: (_, counting) => counting.add("files_restored", 1),
    key: byPath,
  }),
  file_spooled: event<{ path: string; bytes: number; disk: number }>({
    level: "info",
    message: (e) =>
      `${e.path} was deleted before all of it was acknowledged; the last ${plural(e.bytes, "byte")} wait on disk, compressed to ${plural(e.disk, "byte")}.`,
    count: (_, counting) => counting.add("files_spooled", 1),
    key: byPath,
  }),
  segment_written: event<{ path: string; start: number; end: number; disk: number }>({
    level: "debug",
    message: (e) =>
      `${e.path} is deleted: bytes ${e.start} to ${e.end} of it were copied to disk, in ${plural(e.disk, "byte")}.`,
    count: (e, counting) => counting.add("bytes_spooled", e.end - e.start),
    key: byPath,
  }),
  spool_found: event<{ files: number; bytes: number }>({
    level: "info",
    message: (e) =>
      `${plural(e.files, "deleted file")} waited on disk, in ${plural(e.bytes, "byte")}; what is not acknowledged of them is sent.`,
  }),
  spool_adopted: event<{ files: number; segments: number }>({
    level: "warn",
    message: (e) =>
      `${plural(e.files, "deleted file")} waited on disk that the state did not know, in ${plural(e.segments, "part")}: all that is there is sent, also lines that were sent before.`,
  }),
  spool_dropped: event<{ path: string; bytes: number; limit: number }>({
    level: "error",
    message: (e) =>
      `The limit on deleted files that wait on disk is reached (RETRY_DISK_LIMIT = ${e.limit}): the oldest are dropped, ${plural(e.bytes, "byte")} of ${e.path}. Raise the limit to keep more.`,
    count: (e, counting) => {
      counting.add("bytes_lost", e.bytes);
      counting.add("bytes_lost_to_limit", e.bytes);
    },
    key: byPath,
  }),
  spool_damaged: event<{ path: string; bytes: number; reason: string }>({
    level: "error",
    message: (e) =>
      `A part of ${e.path}, which was deleted and waited on disk, cannot be used: ${e.reason}. Its ${plural(e.bytes, "byte")} are lost.`,
    count: (e, counting) => counting.add("bytes_lost", e.bytes),
    key: byPath,
  }),
  spool_stray: event<{ path: string; reason: string }>({
    level: "warn",
    message: (e) => `${e.path} has the name of a part of a deleted file and cannot be used: ${e.reason}.`,
    key: byPath,
  }),
  spool_unwritable: event<{ code: string }>({
    level: "warn",
    message: (e) =>
      `Cannot copy deleted files to the state directory (${e.code}); they are held open meanwhile, and lost if the agent is killed.${
        e.code === "ENOSPC" ? " Free some space there." : ""
      }`,
    key: (e) => e.code,
  }),
  spool_unreadable: event<{ path: string; code: string }>({
    level: "warn",
    message: (e) => `Cannot read what waits on disk of ${e.path} (${e.code}); it is tried again.`,
    key: byPath,
  }),
  file_lost_unread: event<{ path: string; bytes: number }>({
    level: "error",
    message: (e) => `${e.path} vanished with ${plural(e.bytes, "byte")} unread; they are lost.`,
    count: (e, counting) => {
      counting.add("files_lost", 1);
      counting.add("bytes_lost", e.bytes);
    },
    key: byPath,
  }),
  file_gone_while_down: event<{ path: string }>({
    level: "warn",
    message: (e) => `${e.path} was deleted while the agent was not running; what was not read of it is lost.`,
    count: (_, counting) => counting.add("files_lost", 1),
    key: byPath,
  }),
  file_unreadable: event<{ path: string; code: string; attempt: string }>({
    level: "warn",
    message: (e) =>
      `Cannot ${e.attempt} ${e.path} (${e.code}); it is tried again when it changes.${
        e.code === "EACCES" || e.code === "EPERM" ? " Its mode, or a directory's on the way, denies reading." : ""
      }`,
    count: (_, counting) => counting.add("files_refused", 1),
    key: byPath,
  }),
  file_not_regular: event<{ path: string; type: string }>({
    level: "warn",
    message: (e) => `${e.path} is a ${e.type}, not a regular file; it is not read.`,
    count: (_, counting) => counting.add("files_refused", 1),
    key: byPath,
  }),
  link_outside_refused: event<{ path: string; target: string }>({
    level: "warn",
    message: (e) =>
      e.target === e.path
        ? `${e.path} leads outside the log directories; it is not read.`
        : `${e.path} leads to ${e.target}, outside the log directories; it is not read.`,
    count: (_, counting) => counting.add("files_refused", 1),
    key: byPath,
  }),
  hard_link_refused: event<{ path: string }>({
    level: "warn",
    message: (e) =>
      `${e.path} is a hard link to a file that not everybody may read, in a directory where others may make links; it is not read.`,
    count: (_, counting) => counting.add("files_refused", 1),
    key: byPath,
  }),
  read_given_back: event<{ bytes: number }>({
    level: "debug",
    message: (e) => `${e.bytes} bytes were read and are not acknowledged; they are read again later.`,
    count: (e, counting) => counting.add("bytes_given_back", e.bytes),
  }),
  accounting_mismatch: event<{ bytes: number }>({
    level: "error",
    message: (e) =>
      `${e.bytes} bytes that were read are not accounted for: this is a mistake of the agent, please report it with what its log says before.`,
    count: (_, counting) => counting.add("accounting_mismatches", 1),
  }),
  own_log_skipped: event<{ path: string }>({
    level: "info",
    message: (e) => `${e.path} is the agent's own log; it is not shipped.`,
    key: byPath,
  }),
  chunk_read: event<{ bytes: number }>({
    level: "trace",
    message: (e) => `Read ${plural(e.bytes, "byte")}.`,
    count: (e, counting) => counting.add("bytes_read", e.bytes),
  }),

  // --- lines -------------------------------------------------------------------------------------------------------
  line_cut: event<{ path: string; bytes: number }>({
    level: "debug",
    message: (e) => `A line of ${e.path} is longer than ${plural(e.bytes, "byte")}; it is shipped in parts.`,
    count: (_, counting) => counting.add("lines_cut", 1),
    key: byPath,
  }),
  line_dropped_bytes: event<{ path: string; bytes: number }>({
    level: "warn",
    message: (e) =>
      `A line of ${e.path} is over the limit (LINE_MAX): its last ${plural(e.bytes, "byte")} are dropped.`,
    key: byPath,
  }),
  line_undecided: event<{ path: string; reason: string }>({
    level: "warn",
    message: (e) =>
      `The rules for lines cannot be applied to a line of ${e.path} (${e.reason}): it is not shipped, or nothing of its text.`,
    count: (_, counting) => counting.add("lines_undecided", 1),
    key: byPath,
  }),
  line_too_large: event<{ path: string; bytes: number }>({
    level: "warn",
    message: (e) =>
      `A line of ${e.path} does not fit a request even alone (INGEST_BUFFER_SIZE): its ${plural(e.bytes, "byte")} are dropped.`,
    count: (_, counting) => counting.add("lines_too_large", 1),
    key: byPath,
  }),
  line_held: event<{ batch: string; detail: string; retryInMs: number }>({
    level: "error",
    message: (e) =>
      `The server refuses lines that are sent alone (${e.detail}), and nothing shows that it accepts others. If it accepts none, check host, endpoint and parameters, and any proxy on the way. They are kept and tried again in ${seconds(e.retryInMs)}.`,
    count: (_, counting) => counting.set("delivery_failing", 1),
    key: (e) => e.detail,
  }),
  line_refused: event<{ batch: string; detail: string; times: number }>({
    level: "error",
    message: (e) =>
      `The server refuses a line for good (${e.detail}): it was sent alone ${plural(e.times, "time")}, last in batch ${e.batch}. It is set aside.`,
    key: (e) => e.detail,
  }),
  lines_rejected: event<{ batch: string; lines: number; of: number; reason: string }>({
    level: "error",
    message: (e) =>
      e.lines < e.of
        ? `The server took batch ${e.batch} without ${e.lines} of its ${plural(e.of, "line")}, and does not say which${reasonIn(e)}. They are not sent again.`
        : `The server takes none of the ${plural(e.of, "line")} of batch ${e.batch}${reasonIn(e)}. They are not sent again, and set aside.`,
    key: (e) => e.reason,
  }),
  lines_quarantined: event<{ path: string; lines: number }>({
    level: "warn",
    message: (e) => `${plural(e.lines, "line")} that the server refuses for good can be found in ${e.path}.`,
    count: (e, counting) => counting.add("lines_quarantined", e.lines),
  }),
  quarantine_full: event<{ path: string; lines: number }>({
    level: "warn",
    message: (e) =>
      `The quarantine is full: the ${plural(e.lines, "oldest line")} of ${e.path} made room. Move the file away to keep what is in it.`,
    count: (e, counting) => counting.add("quarantined_lines_removed", e.lines),
  }),
  quarantine_failed: event<{ path: string; lines: number; reason: string }>({
    level: "error",
    message: (e) =>
      `Cannot keep ${plural(e.lines, "refused line")} in ${e.path}: ${e.reason}. They are dropped; shipping goes on.`,
    count: (_, counting) => counting.add("quarantine_failures", 1),
  }),

  // --- delivery ----------------------------------------------------------------------------------------------------
  certificates_renewed: event({
    level: "info",
    message: () => "Certificates were renewed: new connections are made with them.",
  }),
  certificates_unusable: event<{ problem: string }>({
    level: "error",
    message: (e) => `${e.problem} What was read before stays in use until the file changes again.`,
  }),
  certificate_skipped: event<{ path: string; problem: string }>({
    level: "warn",
    message: (e) =>
      `Cannot use the CA certificates in ${e.path}: ${e.problem}. The other files of SSL_CERT_DIR are used; remove this one, or put it right.`,
    key: byPath,
  }),
  batch_delivered: event<{ batch: string; lines: number; bytes: number; attempt: number; durationMs: number }>({
    level: "debug",
    message: (e) =>
      `Delivered ${plural(e.lines, "line")} in ${plural(e.bytes, "byte")} within ${seconds(e.durationMs)}${
        e.attempt > 1 ? `, at attempt ${e.attempt}` : ""
      }.`,
    count: (e, counting) => {
      counting.add("requests_accepted", 1);
      counting.add("request_bytes", e.bytes);
      counting.observe("ingest_request_size", e.bytes);
      counting.observe("ingest_request_duration_seconds", e.durationMs / 1000);
      counting.set("delivery_failing", 0);
    },
  }),
  batch_settled: event<{
    shipped: number;
    empty: number;
    excluded: number;
    dropped: number;
    lines: number;
    refused: number;
    linesExcluded: number;
    linesOverRate: number;
    bytesOverRate: number;
    linesNotSampled: number;
    bytesNotSampled: number;
  }>({
    level: "trace",
    message: (e) => `${plural(e.lines, "line")} acknowledged, ${e.refused} refused.`,
    count: (e, counting) => {
      counting.add("bytes_shipped", e.shipped);
      counting.add("bytes_empty", e.empty);
      counting.add("bytes_excluded", e.excluded);
      counting.add("bytes_dropped", e.dropped);
      counting.add("lines_shipped", e.lines);
      counting.add("lines_refused", e.refused);
      counting.add("lines_excluded", e.linesExcluded);
      counting.add("lines_dropped_over_rate", e.linesOverRate);
      counting.add("bytes_dropped_over_rate", e.bytesOverRate);
      counting.add("lines_dropped_by_sampling", e.linesNotSampled);
      counting.add("bytes_dropped_by_sampling", e.bytesNotSampled);
    },
  }),
  batch_refused: event<{ batch: string; status: number; detail: string }>({
    level: "warn",
    message: (e) =>
      `The server answered ${e.status}${e.detail === "" ? "" : ` (${e.detail})`} to a batch; what it does not take in there is looked for.`,
    count: (_, counting) => counting.add("requests_refused", 1),
    key: (e) => String(e.status),
  }),
  delivery_failed: event<{ reason: string; retryInMs: number; batches: number }>({
    level: "warn",
    message: (e) =>
      `Cannot deliver: ${e.reason}. Next attempt in ${seconds(e.retryInMs)}; meanwhile reading waits and nothing is lost.`,
    count: (_, counting) => countFailure(counting),
    key: (e) => e.reason,
  }),
  delivery_recovered: event<{ attempts: number; afterMs: number }>({
    level: "info",
    message: (e) => `Delivery works again, after ${plural(e.attempts, "failed attempt")} in ${seconds(e.afterMs)}.`,
  }),
  key_renewed: event<{ path: string }>({
    level: "info",
    message: (e) => `Another ingestion key was found in ${e.path}, and is used from now on.`,
    count: (_, counting) => counting.add("key_renewals", 1),
  }),
  key_unreadable: event<{ path: string; reason: string }>({
    level: "error",
    message: (e) => `Cannot read another ingestion key from ${e.path}: ${e.reason}. The one in use stays.`,
    key: byPath,
  }),
  key_rejected: event<{
    detail: string;
    retryInMs: number;
    keyFile?: string | undefined;
    /** False when requests have no key, but perhaps other headers with credentials. */
    isKeySent: boolean;
  }>({
    level: "error",
    message: (e) =>
      `The server rejects ${e.isKeySent ? "the ingestion key" : "the agent, which sends no key"} (${e.detail}). ${howToBeAdmitted(e)}; the lines are kept and tried again in ${seconds(e.retryInMs)}.`,
    count: (_, counting) => countFailure(counting),
  }),
  checkpoint_failed: event<{ attempt: string; reason: string }>({
    level: "error",
    message: (e) =>
      `Cannot ${e.attempt}: ${e.reason}. Shipping goes on; after a crash, lines since the last saved state would be sent again.`,
    count: (_, counting) => counting.add("checkpoint_failures", 1),
  }),
  batches_made_anew: event<{ batches: number }>({
    level: "info",
    message: (e) =>
      `Lines of ${e.batches} batches that were on their way are read anew, since the configuration makes other batches of them. What the server has stored of them comes twice.`,
  }),
} as const;

type EventName = keyof typeof EVENTS;

/** The fields of one event. */
type EventFields<N extends EventName> = (typeof EVENTS)[N] extends EventDefinition<infer F> ? F : never;

/** One thing that happened: a name of `EVENTS` and its fields. */
export type AgentEvent = { [N in EventName]: { readonly name: N } & Readonly<EventFields<N>> }[EventName];
