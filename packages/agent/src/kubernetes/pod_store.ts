import type { ContainerName } from "../containers/container_name.ts";
import type { Pod } from "./pod.ts";

/** A pod that is known, and whether it still exists. */
interface Kept {
  pod: Pod;
  /** When it was deleted, in milliseconds of the clock; undefined while it exists. */
  deletedAt: number | undefined;
  /** Not in the list at hand so far. */
  unlisted: boolean;
}

export interface FoundPod {
  readonly pod: Pod;
  readonly isDoubtful: boolean;
}

/** Deleted pods that are kept whatever is still to be shipped of them: two days of a busy node. */
const MAX_DELETED = 10_000;
/** A log may be met this long after its pod was deleted, in milliseconds. */
const GRACE_MS = 60_000;

/**
 * The pods of this node, by their names. A pod that was deleted stays until nothing is to be shipped of its logs; one that has its name
 * again, as those of a StatefulSet do, stands beside it.
 */
export class PodStore {
  readonly #now: () => number;
  /** By `NAMESPACE/POD`, the newest last. */
  readonly #pods = new Map<string, Kept[]>();
  #deleted = 0;

  /** @param now milliseconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    let size = 0;
    for (const pods of this.#pods.values()) size += pods.length;
    return size;
  }

  /**
   * The pod that a log is of; undefined where it is not known, or not yet. It is doubtful where it was deleted and had other containers:
   * one of the same name may have come that was not told yet.
   */
  podOf({ namespace, pod, containerId, uid }: ContainerName): FoundPod | undefined {
    const kept = this.#pods.get(`${namespace}/${pod}`);
    if (kept === undefined) return undefined;
    if (uid !== undefined) {
      const found = kept.find((one) => one.pod.uid === uid);
      return found && { pod: found.pod, isDoubtful: false };
    }
    const sure = kept.find((one) => containerId !== undefined && one.pod.containerIds.has(containerId));
    if (sure !== undefined) return { pod: sure.pod, isDoubtful: false };
    // The kubelet tells the ids of containers after they have begun; of several pods, a new container is the newest one's.
    const newest = kept.at(-1);
    if (newest === undefined) return undefined;
    return { pod: newest.pod, isDoubtful: newest.deletedAt !== undefined && newest.pod.containerIds.size > 0 };
  }

  put(pod: Pod): void {
    const key = `${pod.namespace}/${pod.name}`;
    const kept = this.#pods.get(key);
    const known = kept?.find((one) => one.pod.uid === pod.uid);
    if (known !== undefined) {
      if (known.deletedAt !== undefined) this.#deleted -= 1;
      known.pod = isSame(known.pod, pod) ? known.pod : withIdsOf(pod, known.pod);
      known.deletedAt = undefined;
      known.unlisted = false;
    } else if (kept === undefined) this.#pods.set(key, [{ pod, deletedAt: undefined, unlisted: false }]);
    else kept.push({ pod, deletedAt: undefined, unlisted: false });
  }

  delete(pod: Pod): void {
    this.put(pod);
    const kept = this.#pods.get(`${pod.namespace}/${pod.name}`)?.find((one) => one.pod.uid === pod.uid);
    if (kept !== undefined) this.#markDeleted(kept);
  }

  listBegun(): void {
    for (const kept of this.#all()) kept.unlisted = true;
  }

  /** What was not in the list has been deleted while nobody watched. */
  listEnded(): void {
    for (const kept of this.#all()) if (kept.unlisted) this.#markDeleted(kept);
  }

  /** Forgets deleted pods. @param isNeeded whether something is still to be shipped of one's logs. */
  sweep(isNeeded: (pod: Pod) => boolean): void {
    if (this.#deleted === 0) return;
    const before = this.#now() - GRACE_MS;
    const deleted = this.#all()
      .filter(({ deletedAt }) => deletedAt !== undefined)
      .sort((a, b) => (a.deletedAt ?? 0) - (b.deletedAt ?? 0));
    let tooMany = deleted.length - MAX_DELETED;
    for (const kept of deleted) {
      if (tooMany <= 0 && ((kept.deletedAt ?? 0) > before || isNeeded(kept.pod))) continue;
      tooMany -= 1;
      this.#forget(kept);
    }
  }

  #markDeleted(kept: Kept): void {
    if (kept.deletedAt !== undefined) return;
    kept.deletedAt = this.#now();
    this.#deleted += 1;
  }

  #forget({ pod }: Kept): void {
    const key = `${pod.namespace}/${pod.name}`;
    const left = (this.#pods.get(key) ?? []).filter((one) => one.pod.uid !== pod.uid);
    if (left.length === 0) this.#pods.delete(key);
    else this.#pods.set(key, left);
    this.#deleted -= 1;
  }

  #all(): Kept[] {
    return [...this.#pods.values()].flat();
  }
}

/** Whether lines say the same of both: then the same object is kept, and what was made of it. */
function isSame(one: Pod, other: Pod): boolean {
  return textOf(one) === textOf(other);
}

function textOf({ images, containerIds, ...rest }: Pod): string {
  return JSON.stringify([rest, [...images], [...containerIds]]);
}

/** The kubelet tells the last containers only; logs of earlier ones may still be read. */
function withIdsOf(pod: Pod, before: Pod): Pod {
  const ids = [...new Set([...pod.containerIds, ...before.containerIds])];
  return { ...pod, containerIds: new Set(ids.slice(0, MAX_IDS)) };
}

/** Ids of containers that are kept of a pod, which gets one with each restart. */
const MAX_IDS = 50;
