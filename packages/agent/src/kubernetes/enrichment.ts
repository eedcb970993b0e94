import { type ContainerName, containerOf } from "../containers/container_name.ts";
import type { FileFacts } from "../lines/fields/file_facts.ts";
import type { Pod } from "./pod.ts";
import type { PodStore } from "./pod_store.ts";

export interface EnrichmentOptions {
  readonly pods: PodStore;
  /** Milliseconds that the lines of a container wait for its pod. */
  readonly delayMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Lines of a container are shipped without what its pod would tell. */
  readonly onUnknown: (name: ContainerName) => void;
  /** Tells which container a file is of. */
  readonly nameOf?: (path: string) => ContainerName | undefined;
}

/** What is remembered of a file of a container. */
interface KnownFile {
  readonly name: ContainerName;
  pod: Pod | undefined;
  facts: FileFacts | undefined;
  /** Lines do not wait for the pod any more. */
  waited: boolean;
}

/** A path that waits, and what ends that. */
interface Waiting {
  readonly release: () => void;
  readonly timer: NodeJS.Timeout;
}

/** Files that are remembered; those that are asked about again are looked up again. */
const MAX_REMEMBERED = 20_000;

/** Tells what Kubernetes knows of the lines of a file, and whether they have to wait until it does. */
export class Enrichment {
  readonly #options: EnrichmentOptions;
  readonly #nameOf: (path: string) => ContainerName | undefined;
  readonly #files = new Map<string, KnownFile>();
  readonly #waiting = new Map<string, Waiting>();
  /** Since when the API server does not answer, in milliseconds of the clock; undefined while it does. */
  #awaySince: number | undefined;

  constructor(options: EnrichmentOptions) {
    this.#options = options;
    this.#nameOf = options.nameOf ?? ((path) => containerOf(path));
    this.#awaySince = options.now();
  }

  /** Paths whose lines wait for their pod. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What is known of a container's file; undefined for any other. The same objects as long as nothing changes. */
  lookUp(path: string): { readonly name: ContainerName; readonly facts: FileFacts | undefined } | undefined {
    const file = this.#fileAt(path);
    if (file === undefined) return undefined;
    const pod = this.#options.pods.podOf(file.name)?.pod;
    if (pod !== file.pod) {
      file.pod = pod;
      file.facts = pod && factsOf(pod, file.name.container);
    }
    return file;
  }

  /**
   * Whether lines of a file wait for its pod to be known.
   * @param release called once when they need not any more; not called where they do not wait.
   */
  waits(path: string, release: () => void): boolean {
    const { delayMs, onUnknown } = this.#options;
    if (delayMs === 0) return false;
    const file = this.#fileAt(path);
    if (file === undefined || file.waited) return false;
    if (this.#isKnown(file.name)) {
      file.waited = true;
      return false;
    }
    if (this.#isAway) {
      this.#stopWaiting(file, onUnknown);
      return false;
    }
    this.#waiting.get(path)?.release();
    const timer = setTimeout(() => {
      this.#waiting.delete(path);
      this.#stopWaiting(file, onUnknown);
      release();
    }, delayMs);
    this.#waiting.set(path, { release, timer });
    return true;
  }

  /** Pods are known that were not: whoever waits for one of them goes on. */
  podsChanged(): void {
    this.#awaySince = undefined;
    for (const [path, { release, timer }] of this.#waiting) {
      const file = this.#fileAt(path);
      if (file !== undefined && !this.#isKnown(file.name)) continue;
      clearTimeout(timer);
      this.#waiting.delete(path);
      release();
    }
  }

  /** The API server does not answer. */
  serverFails(): void {
    this.#awaySince ??= this.#options.now();
  }

  /** The API server answers. */
  serverAnswers(): void {
    this.#awaySince = undefined;
  }

  /** Nothing is released any more: what waits is read by the next run. */
  close(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  /** Nobody waits for a server that has not answered for as long as lines would wait. */
  get #isAway(): boolean {
    return this.#awaySince !== undefined && this.#options.now() - this.#awaySince >= this.#options.delayMs;
  }

  #stopWaiting(file: KnownFile, onUnknown: (name: ContainerName) => void): void {
    file.waited = true;
    if (this.#options.pods.podOf(file.name) === undefined) onUnknown(file.name);
  }

  #isKnown(name: ContainerName): boolean {
    const found = this.#options.pods.podOf(name);
    return found !== undefined && !found.isDoubtful;
  }

  #fileAt(path: string): KnownFile | undefined {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const name = this.#nameOf(path);
    if (name === undefined) return undefined;
    if (this.#files.size >= MAX_REMEMBERED) this.#files.clear();
    const file: KnownFile = { name, pod: undefined, facts: undefined, waited: false };
    this.#files.set(path, file);
    return file;
  }
}

function factsOf({ labels, annotations, images }: Pod, container: string): FileFacts {
  const image = images.get(container);
  return {
    ...(image !== undefined && { meta: { "Image Name": image.name, Tag: image.tag } }),
    ...(Object.keys(labels).length > 0 && { label: labels }),
    ...(Object.keys(annotations).length > 0 && { annotation: annotations }),
  };
}
