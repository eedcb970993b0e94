import { setTimeout as delay } from "node:timers/promises";
import type { Chunk } from "../chunk.ts";
import type { KubernetesConfig } from "../config/kubernetes_options.ts";
import type { ContainerName } from "../containers/container_name.ts";
import type { FactsOf } from "../lines/fields/file_facts.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { VERSION } from "../version.ts";
import { ApiClient } from "./api_client.ts";
import { ApiError, reasonOf } from "./api_error.ts";
import { Enrichment } from "./enrichment.ts";
import { EventSource } from "./event_source.ts";
import { LeaderElection } from "./leader_election.ts";
import { Lease } from "./lease.ts";
import { metadataRules } from "./metadata_rules.ts";
import { podOf } from "./pod.ts";
import { PodStore } from "./pod_store.ts";
import { PushedLines } from "./pushed_lines.ts";
import { Reflector } from "./reflector.ts";
import { namespaceOf, ServiceAccount } from "./service_account.ts";
import { StartupTurn } from "./startup_lease.ts";
import { StatisticsSource } from "./statistics_source.ts";

export interface KubernetesOptions {
  readonly emit: (event: AgentEvent) => void;
  readonly gauge: (name: "k8s_pods", value: number) => void;
  /** The container that a file is the log of. */
  readonly nameOf: (path: string) => ContainerName | undefined;
  /** There may be something to read. */
  readonly onReady: () => void;
  /** Paths of files that are followed, or still to be shipped. */
  readonly paths: () => Iterable<string>;
  /** Bytes that are still to be read. */
  readonly backlog: () => number;
}

const EVENTS_LEASE = "logdna-agent-k8-events-lease";
const STATISTICS_LEASE = "logdna-agent-reporter-lease";
/** How often pods are looked for that were deleted and that nothing is to be shipped of, in milliseconds. */
const SWEEP_MS = 30_000;
/** A start is over when no more bytes than these are to be read, or after that many milliseconds. */
const STARTED = { bytes: 1024 * 1024, afterMs: 25_000, lookMs: 500 } as const;

/** All that an agent does with the cluster that it runs in. */
export class Kubernetes {
  readonly #config: KubernetesConfig;
  readonly #options: KubernetesOptions;
  readonly #client: ApiClient;
  readonly #pods: PodStore;
  readonly #enrichment: Enrichment;
  readonly #rule: ((chunk: Chunk) => Chunk) | undefined;
  /** Lines of the cluster's events, and of its statistics: one must not wait for the other. */
  readonly #events: PushedLines;
  readonly #statistics: PushedLines;
  readonly #ended = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  readonly #listed = Promise.withResolvers<void>();
  #sweep: NodeJS.Timeout | undefined;
  /** Nothing is read before this agent's turn. */
  #mayRead: boolean;

  constructor(config: KubernetesConfig, options: KubernetesOptions) {
    this.#config = config;
    this.#options = options;
    const { emit, onReady } = options;
    const now = (): number => performance.now();
    this.#client = new ApiClient({
      address: config,
      account: new ServiceAccount(config.serviceAccountDirectory),
      userAgent: `logdna-agent/${VERSION}`,
    });
    this.#pods = new PodStore(now);
    this.#enrichment = new Enrichment({
      pods: this.#pods,
      nameOf: options.nameOf,
      delayMs: config.enrichedNode === undefined ? 0 : config.metadataDelay,
      now,
      onUnknown: ({ namespace, pod, container }) => emit({ name: "pod_unknown", namespace, pod, container }),
    });
    const lookUp = this.#enrichment.lookUp.bind(this.#enrichment);
    this.#rule = metadataRules(config.metadataInclude, config.metadataExclude, lookUp);
    this.#events = new PushedLines({ emit, onReady });
    this.#statistics = new PushedLines({ emit, onReady });
    this.#mayRead = config.startupLease === "never";
  }

  /** What is known of the container that a file is of. */
  readonly factsOf: FactsOf = (path) => this.#enrichment.lookUp(path)?.facts;

  /** Whether lines of a file wait for their pod; see `Enrichment`. */
  readonly waits = (path: string, release: () => void): boolean => this.#enrichment.waits(path, release);

  /** A chunk as the rules on metadata leave it. */
  apply(chunk: Chunk): Chunk {
    return this.#rule?.(chunk) ?? chunk;
  }

  /** Whether files may be read: not before it is this agent's turn to start. */
  get mayRead(): boolean {
    return this.#mayRead;
  }

  get hasReady(): boolean {
    return this.#events.hasReady || this.#statistics.hasReady;
  }

  next(): Chunk | undefined {
    return this.#events.next() ?? this.#statistics.next();
  }

  /** Begins everything. */
  start(): void {
    const { config, signal } = { config: this.#config, signal: this.#ended.signal };
    const { emit, onReady } = this.#options;
    if (config.enrichedNode !== undefined) this.#run(this.#followPods(config.enrichedNode).run(signal));
    const namespace = config.namespace ?? namespaceOf(config.serviceAccountDirectory) ?? "default";
    if (config.events) {
      const source = new EventSource({
        client: this.#client,
        lines: this.#events,
        onFailed: (error) => this.#failed("follow the events of the cluster", error),
        onShipped: () => emit({ name: "kubernetes_event_shipped" }),
      });
      this.#run(this.#election(namespace, EVENTS_LEASE, "logdna-agent-k8s-event", source).run(signal));
    }
    if (config.statistics) {
      const source = new StatisticsSource({
        client: this.#client,
        lines: this.#statistics,
        onFailed: (error) => this.#failed("ask for the statistics of the cluster", error),
      });
      this.#run(this.#election(namespace, STATISTICS_LEASE, "logdna-agent-reporter", source).run(signal));
    }
    if (config.startupLease !== "never") {
      const turn = new StartupTurn({
        client: this.#client,
        namespace,
        identity: config.podName,
        mode: config.startupLease,
        onFailed: (error) => this.#failed("take a lease for the start", error),
      });
      this.#run(this.#takeTurn(turn, onReady));
    }
  }

  /** Resolves when the pods of this node are known, or lines would not wait for them any more. */
  async known(): Promise<void> {
    if (this.#config.enrichedNode === undefined) return;
    await Promise.race([this.#listed.promise, delay(this.#config.metadataDelay, undefined, { ref: false })]);
  }

  /**
   * Ends everything. Leases are given up once what is under way is safe, which takes that the pipeline is still there.
   */
  async stop(timeoutMs: number): Promise<void> {
    clearInterval(this.#sweep);
    this.#enrichment.close();
    this.#ended.abort();
    await Promise.race([Promise.allSettled(this.#running), delay(timeoutMs, undefined, { ref: false })]);
    this.#client.close();
  }

  #followPods(node: string): Reflector {
    const { emit, gauge, paths } = this.#options;
    let wasListed = false;
    this.#sweep = setInterval(() => {
      const needed = new Set<string>();
      for (const path of paths()) {
        const name = this.#enrichment.lookUp(path)?.name;
        if (name !== undefined) needed.add(`${name.namespace}/${name.pod}`);
      }
      this.#pods.sweep((pod) => needed.has(`${pod.namespace}/${pod.name}`));
      gauge("k8s_pods", this.#pods.size);
    }, SWEEP_MS).unref();
    return new Reflector({
      client: this.#client,
      path: "/api/v1/pods",
      query: { fieldSelector: `spec.nodeName=${node}` },
      onListBegun: () => this.#pods.listBegun(),
      onItem: (item) => {
        const pod = podOf(item);
        if (pod !== undefined) this.#pods.put(pod);
      },
      onListEnded: () => {
        this.#pods.listEnded();
        gauge("k8s_pods", this.#pods.size);
        this.#enrichment.podsChanged();
        if (!wasListed) emit({ name: "kubernetes_pods_known", node, pods: this.#pods.size });
        wasListed = true;
        this.#listed.resolve();
      },
      onChanged: (type, object) => {
        const pod = podOf(object);
        if (pod === undefined) return;
        if (type === "DELETED") this.#pods.delete(pod);
        else this.#pods.put(pod);
        gauge("k8s_pods", this.#pods.size);
        this.#enrichment.podsChanged();
      },
      onFailed: (error) => {
        // Of a watch that ended, the next request tells whether the server is away.
        if (error instanceof ApiError && error.status === undefined) this.#enrichment.serverFails();
        if (!(error instanceof ApiError && error.isExpired)) this.#failed("follow the pods of this node", error);
      },
    });
  }

  #election(
    namespace: string,
    name: string,
    process: string,
    source: Pick<EventSource, "lead"> & Partial<Pick<EventSource, "annotations">>,
  ): LeaderElection {
    const { emit } = this.#options;
    return new LeaderElection({
      lease: new Lease(this.#client, namespace, name),
      identity: this.#config.podName,
      labels: { process },
      ...(source.annotations !== undefined && { annotations: source.annotations }),
      lead: source.lead,
      onElected: () => emit({ name: "leader_elected", lease: name }),
      onDeposed: (gaveUp) => emit({ name: "leader_deposed", lease: name, gaveUp }),
      onFailed: (error) => this.#failed(`take or renew the lease ${name}`, error),
    });
  }

  async #takeTurn(turn: StartupTurn, onReady: () => void): Promise<void> {
    const { emit, backlog } = this.#options;
    const { signal } = this.#ended;
    const isTaken = await turn.take(signal);
    this.#mayRead = true;
    onReady();
    emit({ name: "startup_turn", isTaken });
    if (!isTaken) return;
    const until = performance.now() + STARTED.afterMs;
    do await delay(STARTED.lookMs, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && backlog() > STARTED.bytes && performance.now() < until);
    await turn.giveUp();
  }

  #failed(attempt: string, error: unknown): void {
    if (this.#ended.signal.aborted) return;
    const status = error instanceof ApiError ? error.status : undefined;
    this.#options.emit({ name: "kubernetes_failed", attempt, reason: reasonOf(error), status });
  }

  #run(running: Promise<unknown>): void {
    this.#running.push(running);
  }
}
