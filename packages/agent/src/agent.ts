import { Buffer } from "node:buffer";
import { fstatSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { chooseEncoder } from "./batch/choose_encoder.ts";
import { wayOfBatches } from "./batch/way_of_batches.ts";
import type { Chunk } from "./chunk.ts";
import type { Config } from "./config/mod.ts";
import { ContainerDirs } from "./containers/container_dirs.ts";
import { ContainerLinks, type ContainerLinksOptions } from "./containers/container_links.ts";
import { containerOf } from "./containers/container_name.ts";
import { containerWatch } from "./containers/container_watch.ts";
import { dockerFacts } from "./containers/docker_facts.ts";
import type { Outlet } from "./delivery/outlet.ts";
import { Quarantine } from "./delivery/quarantine.ts";
import type { Transport } from "./delivery/transport.ts";
import { queueOf, rulesOf } from "./kubernetes/beside_files.ts";
import { Kubernetes } from "./kubernetes/kubernetes.ts";
import { containerJoinerFor } from "./lines/containers/mod.ts";
import { allFacts, rememberedFields } from "./lines/fields/file_facts.ts";
import { fieldsOfFacts, lineFields } from "./lines/fields/line_fields.ts";
import { multilineFor } from "./lines/multiline/mod.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";
import { compileLineRules, type LineRuleOptions } from "./rules/lines/line_rules.ts";
import { createPathRules } from "./rules/path_rules.ts";
import { type NamesOf, realRoots } from "./rules/real_root.ts";
import { createRedactor, redactionSalt } from "./rules/redaction/mod.ts";
import { FileSet } from "./sources/files/file_set.ts";
import type { Lookback } from "./sources/files/first_position.ts";
import type { NamelessFile } from "./sources/files/hot_files.ts";
import { inodeKey } from "./sources/files/tailed_file.ts";
import type { StateStore, StoredBatch } from "./state/state_store.ts";
import { accountingOf } from "./status/accounting.ts";
import { type Backlog, unaccounted } from "./status/report.ts";
import type { Telemetry } from "./telemetry/mod.ts";
import { createWatcher, type Watcher, type WatchReport } from "./watch/mod.ts";

/** Back-off after failures. The cap is short because while attempts fail an agent makes one request at a time. */
const BACKOFF = { baseMs: 100, capMs: 1500 } as const;
/** Between attempts that only a person can make succeed. */
const SLOW_RETRY_MS = 10_000;
/** Between attempts to send a refused line alone. */
const TRIAL_MS = 1000;
/** Bytes that labels of a container take on each of its lines, at most; and the share of a body that those of one line do. */
const MAX_LABEL_BYTES = 4096;
const LABEL_SHARE = 16;
/** How often the state is told that the agent is alive; what is born later counts as new after a restart. */
const ALIVE_MS = 30_000;
/** How many such times later it is certain that everything was seen that had happened by one of them. */
const LAG = 2;

/** What an agent works with that can turn out not to be usable, and so is there before an agent that works is ended for it. */
export interface AgentMeans {
  readonly state: StateStore;
  readonly outlet: Outlet;
}

/**
 * The agent as it runs with one configuration: the watcher tells the files, the pipeline asks them for chunks and moves
 * their checkpoints.
 */
export class Agent {
  readonly #telemetry: Telemetry;
  readonly #state: StateStore;
  readonly #transport: Transport;
  readonly #files: FileSet;
  readonly #kubernetes: Kubernetes | undefined;
  readonly #pipeline: Pipeline;
  readonly #watcher: Watcher;
  readonly #links: ContainerLinks;
  readonly #left: readonly StoredBatch[];
  readonly #onRootAppeared: (root: string) => void;
  #hasBegun = false;
  #alive: NodeJS.Timeout | undefined;
  /** Times of the wall clock at which the agent looked, the oldest first. */
  #looked: number[] = [];
  #unaccounted = 0;

  /**
   * @param means what it works with: the state, which the caller closes, and the way to the server.
   * @param lookback where reading begins in files that are there.
   * @throws an error of SQLite when the state cannot be read.
   */
  constructor(
    config: Config,
    telemetry: Telemetry,
    { state, outlet }: AgentMeans,
    lookback: Lookback = config.lookback,
    onRootAppeared: (root: string) => void = () => undefined,
  ) {
    const { key } = outlet;
    this.#onRootAppeared = onRootAppeared;
    this.#telemetry = telemetry;
    const { emit } = telemetry;
    const { dirs, linked, namesOf: rootNames } = realRoots(config.logDirs);
    for (const { given, real } of linked) emit({ name: "root_resolved", given, path: real });
    const rules = createPathRules(
      {
        dirs,
        include: config.includeGlobs,
        includeRegex: config.includeRegexes,
        exclude: config.excludeGlobs,
        excludeRegex: config.excludeRegexes,
      },
      rootNames,
    );
    this.#transport = outlet.transport;
    this.#state = state;
    const containerDirs = new ContainerDirs(config.containerDirs);
    const watched = containerWatch(containerDirs, rules);
    this.#links = new ContainerLinks({
      dirs: containerDirs,
      includes: rules.includes,
      records: recordsIn(state),
      onUnsaved: (error) =>
        emit({
          name: "checkpoint_failed",
          attempt: "save the names of containers",
          reason: error instanceof Error ? error.message : "",
        }),
    });
    const { includes, namesOf: linkNames } = this.#links;
    const namesOf: NamesOf = (path) => linkNames(path).flatMap(rootNames);
    const prunes = (directory: string): boolean => rules.prunes(directory) && !watched.looksInto(directory);
    this.#state.makeUnder(wayOfBatches(config));
    this.#left = this.#state.batches();
    this.#forgetOtherBatches();
    const limits = { maxPart: config.lineMaxPart, maxLine: config.lineMax };
    const lineRules = compileLineRules({ rules: config, createRedactor: redactorOf(config), limits, emit, namesOf });
    const kubernetes =
      config.kubernetes &&
      new Kubernetes(config.kubernetes, {
        emit,
        gauge: telemetry.gauge,
        nameOf: (path) => containerOf(this.#links.nameOf(path)),
        onReady: () => {
          // Before that, nothing may be read but what an earlier run had under way.
          if (this.#hasBegun) this.#pipeline.wake();
        },
        paths: () => this.#files.paths(),
        backlog: () => this.#files.backlog().bytes,
      });
    this.#kubernetes = kubernetes;
    this.#files = new FileSet({
      roots: watched.roots.length === 0 ? rules.roots : [...rules.roots, containerDirs],
      includes,
      prunes,
      lookback,
      limits,
      held: lineRules,
      joinerFor: containerJoinerFor(config, containerDirs, multilineFor(config, namesOf)),
      waits: kubernetes?.waits,
      maxOpenFiles: config.maxOpenFiles,
      state: this.#state,
      spoolLimit: config.retryDiskLimit ?? Number.POSITIVE_INFINITY,
      restoreLimit: config.retryDiskLimit ?? Number.POSITIVE_INFINITY,
      emit,
      onReady: () => this.#pipeline.wake(),
      excludedInodes: ownLog(),
      staysOpen: (path) => containerDirs.isLog(path),
    });
    const { hostname, fieldEnvironment: environment } = config;
    const fieldsOf = lineFields(config, { hostname, environment, namesOf }) ?? fieldsOfFacts;
    const remembered = rememberedFields(
      fieldsOf,
      allFacts([
        this.#links.factsOf,
        ...(kubernetes === undefined ? [] : [kubernetes.factsOf]),
        dockerFacts({
          // Of pods, Kubernetes tells more.
          isLog: (path) => containerDirs.isDockerLog(path) && this.#links.factsOf(path) === undefined,
          maxLabelBytes: Math.min(MAX_LABEL_BYTES, Math.floor(config.ingestBufferSize / LABEL_SHARE)),
        }),
      ]),
    );
    // What a server says has no secrets any more; of a line, other headers may be any word.
    const quarantine = new Quarantine({ directory: config.dbPath, emit, conceal: (text) => key.concealIn(text) });
    this.#pipeline = new Pipeline(
      {
        queue: kubernetes === undefined ? this.#files : queueOf(this.#files, kubernetes),
        rules: kubernetes === undefined ? lineRules : rulesOf(lineRules, kubernetes),
        ...encoding(config, outlet, emit),
        fieldsOf: (path, own) => (own === undefined ? remembered(path) : fieldsOf(path, undefined, own)),
        sender: outlet.sender,
        state: this.#state,
        emit,
        maxInFlight: config.maxInFlight,
        flushMs: config.flushDuration,
        backoff: BACKOFF,
        slowRetryMs: SLOW_RETRY_MS,
        trialMs: TRIAL_MS,
        setAside: (refused) => quarantine.add(refused),
        key,
      },
      this.#state.newestBatch(),
    );
    this.#watcher = createWatcher({
      roots: [...rules.roots, ...watched.roots],
      sink: this.#links.sinkFor(this.#files),
      prune: prunes,
      report: (event) => this.#report(event),
    });
  }

  /**
   * Finds the files, sends again what an earlier run had under way, and follows from then on. An agent that cannot is to be
   * stopped.
   * @param nameless what an agent that ended before this one in the same process held open.
   */
  async start(nameless: readonly NamelessFile[] = []): Promise<void> {
    this.#looked = [Date.now()];
    this.#files.adopt(nameless);
    this.#kubernetes?.start();
    await this.#watcher.start();
    await this.#files.prepareAgain(this.#left);
    this.#files.scanned();
    await this.#files.restored(this.#left);
    if (this.#left.length > 0) await this.#kubernetes?.known();
    for (const batch of this.#left) this.#pipeline.repeat(batch, this.#readAgain(batch));
    this.#hasBegun = true;
    this.#files.preparedRead();
    this.#links.forgetAllBut(this.#files.paths());
    this.#stayAlive();
    this.#alive = setInterval(() => this.#stayAlive(), ALIVE_MS);
    this.#pipeline.wake();
  }

  /**
   * Reads nothing more and waits for the answers to what is in hand.
   * @param next what follows: another agent in this process (`goesOn`), for which files that have no name any more are left
   * open; or another process at once (`restarts`), for which everything is new that this one could not read.
   * @returns whether all of it was acknowledged within the time, and those files.
   */
  async stop(
    timeoutMs: number,
    { goesOn = false, restarts = false }: { readonly goesOn?: boolean; readonly restarts?: boolean } = {},
  ): Promise<{ complete: boolean; nameless: readonly NamelessFile[] }> {
    clearInterval(this.#alive);
    // Once everything was looked at again, nothing that was there before is new to the next run.
    const now = Date.now();
    const swept = this.#watcher.sweepNow().then(() => now);
    // What is deleted and not acknowledged ends with this process; it is copied while the last answers are waited for.
    const copied = goesOn ? undefined : this.#files.finish(true);
    const [complete] = await Promise.all([this.#pipeline.finish(timeoutMs), this.#kubernetes?.stop(timeoutMs)]);
    const seenUntil = await Promise.race([swept, delay(timeoutMs, undefined, { ref: false })]);
    await this.#watcher.close();
    const all = copied?.then(() => this.#files.finish(true));
    await Promise.race([all, delay(timeoutMs, undefined, { ref: false })]);
    await this.#files.finish(false);
    const nameless = this.#files.close(goesOn);
    this.#links.close();
    this.#transport.close();
    this.measure();
    if (seenUntil !== undefined && !restarts) this.#setAlive(seenUntil);
    return { complete, nameless };
  }

  /** Whether files, or what is to be read of them, may be others than when it was last measured. */
  get hasChanged(): boolean {
    return this.#files.hasChanged;
  }

  /** Sets the gauges to what is now. @returns what is still to be read. */
  measure(): Backlog {
    const { gauge } = this.#telemetry;
    const { files, open, spooled, spoolBytes } = this.#files.counts();
    gauge("retry_pending", spooled);
    gauge("retry_storage_used", spoolBytes);
    gauge("files_followed", files);
    gauge("files_open", open);
    gauge("directories_watched", this.#watcher.stats().directories);
    gauge("requests_in_flight", this.#pipeline.inFlight);
    gauge("bytes_in_flight", this.#pipeline.bytesInFlight);
    this.#account();
    const backlog = this.#files.backlog();
    gauge("bytes_behind", backlog.bytes);
    return backlog;
  }

  /** Tells bytes of which nobody knows what became of them, once for each number of them. */
  #account(): void {
    const { gauge, emit, snapshot } = this.#telemetry;
    const bytes = unaccounted(accountingOf(snapshot()));
    gauge("bytes_unaccounted", bytes);
    if (bytes !== 0 && bytes !== this.#unaccounted) emit({ name: "accounting_mismatch", bytes });
    this.#unaccounted = bytes;
  }

  #stayAlive(): void {
    this.measure();
    // What happened shortly before this moment may wait to be told yet; two such times earlier nothing does.
    this.#looked.push(Date.now());
    const [seenUntil = 0] = this.#looked;
    if (this.#looked.length > LAG) this.#looked.shift();
    this.#setAlive(seenUntil);
  }

  /** Every file that came until then is known. */
  #setAlive(now: number): void {
    try {
      this.#state.setAlive(now);
    } catch (error) {
      this.#telemetry.emit({
        name: "checkpoint_failed",
        attempt: "save the time",
        reason: error instanceof Error ? error.message : "",
      });
    }
  }

  /**
   * What an earlier run, or an earlier configuration, made batches of in another way is read in turn and goes under other ids:
   * cut at other places, the range of a batch may end in the middle of what rules have to see as one line.
   */
  #forgetOtherBatches(): void {
    try {
      const batches = this.#state.forgetOtherBatches();
      if (batches > 0) this.#telemetry.emit({ name: "batches_made_anew", batches });
    } catch (error) {
      // They are not repeated all the same.
      this.#telemetry.emit({
        name: "checkpoint_failed",
        attempt: "forget batches of another configuration",
        reason: error instanceof Error ? error.message : "",
      });
    }
  }

  /** The ranges of a batch as chunks; what cannot be read any more is left out. */
  *#readAgain(batch: StoredBatch): Generator<Chunk> {
    for (const range of batch.ranges) {
      const file = this.#files.byId(range.fileId);
      if (file?.position.offset !== range.start) continue;
      while (file.position.offset < range.end) {
        const before = file.position.offset;
        const chunk = this.#files.readAgain(file, range);
        if (chunk === undefined || file.position.offset === before) break;
        yield chunk;
      }
    }
  }

  #report(report: WatchReport): void {
    const { emit } = this.#telemetry;
    switch (report.name) {
      case "backend_chosen":
        if (report.backend !== "inotify") emit({ name: "watch_unavailable", reason: report.reason });
        return;
      case "root_missing":
        return emit({ name: "root_missing", path: report.root });
      case "root_appeared":
        emit({ name: "root_appeared", path: report.root });
        return this.#onRootAppeared(report.root);
      case "root_resolved":
        return emit({ name: "root_resolved", given: report.given, path: report.path });
      case "root_is_link":
        return emit({ name: "root_is_link", path: report.root });
      case "unreadable_directory":
        return emit({ name: "directory_unreadable", path: report.path, code: report.code });
      case "watch_limit":
        return emit({ name: "watch_limit_reached", path: report.path, setting: report.setting, limit: report.current });
      case "watch_limit_over":
        return emit({ name: "watch_limit_over" });
      case "unrepresentable_name":
        return emit({ name: "name_not_utf8", path: report.directory });
      case "remote_file_system":
        return emit({ name: "remote_file_system", path: report.path, type: report.type });
      case "mounts_changed":
        return emit({ name: "mounts_changed", paths: report.paths });
      case "overflow":
        // The files are told as well, and count it.
        return;
    }
  }
}

/** The names of logs of containers, in the state. */
function recordsIn(state: StateStore): ContainerLinksOptions["records"] {
  const { containers } = state;
  return {
    all: () => containers.all(),
    put: (links) => state.transaction(() => containers.put(links)),
    forget: (logs) => state.transaction(() => containers.forget(logs)),
  };
}

/** What redacts by presets; a key for hashes is read, or made, where there are any. */
function redactorOf({ dbPath, redactSalt }: Config): LineRuleOptions["createRedactor"] {
  return (presets, style) => {
    const salt = style === "hash" ? redactionSalt(dbPath, redactSalt) : Buffer.alloc(0);
    return createRedactor({ presets, style, salt });
  };
}

/** How bodies are written, and read again where one has to be cut. */
function encoding(
  config: Config,
  { otlp, coding }: Outlet,
  emit: Telemetry["emit"],
): Pick<PipelineOptions, "encoder" | "format"> {
  const choice = {
    encoder: config.encoder,
    maxBody: config.ingestBufferSize,
    gzipLevel: config.useCompression ? config.gzipLevel : 0,
    codingNow: () => coding.now,
    otlp,
  };
  return { encoder: chooseEncoder(choice, emit), ...(otlp && { format: otlp }) };
}

/** The file that the agent's own log goes to, if it is one: shipping it would make a loop. */
function ownLog(): ReadonlySet<string> {
  try {
    const stat = fstatSync(2, { bigint: true });
    return new Set(stat.isFile() ? [inodeKey(stat.dev, stat.ino)] : []);
  } catch {
    return new Set();
  }
}
