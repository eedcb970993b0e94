import type { ApiClient } from "./api_client.ts";
import { ApiError } from "./api_error.ts";
import { type JsonRecord, numberAt, recordAt, textAt, textsAt } from "./json_values.ts";

/** A lease as the API server has it (coordination.k8s.io/v1). */
export interface LeaseRecord {
  /** Undefined where nobody holds it. */
  readonly holder: string | undefined;
  /** Seconds for which it holds after it was renewed. */
  readonly seconds: number;
  /** What tells one renewal from the next; its time is the holder's, and compared with no clock of ours. */
  readonly renewal: string;
  readonly transitions: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** The object as it was read, whose resource version says what a change is of. */
  readonly object: JsonRecord;
}

/** What is to be in a lease from now on. */
export interface LeaseChange {
  /** Undefined to give it up. */
  readonly holder: string | undefined;
  readonly seconds: number;
  /** Merged over those that are there. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * One lease of a namespace. Every change says which version it is of, so that of two who change it at once one is refused, and sees
 * what the other one did.
 */
export class Lease {
  readonly #client: ApiClient;
  readonly #collection: string;
  readonly #namespace: string;
  readonly name: string;

  constructor(client: ApiClient, namespace: string, name: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    this.name = name;
  }

  /** The lease; undefined where there is none. @throws {ApiError} */
  async read(signal?: AbortSignal): Promise<LeaseRecord | undefined> {
    try {
      return recordOf(await this.#client.get(`${this.#collection}/${this.name}`, signal));
    } catch (error) {
      if (error instanceof ApiError && error.isMissing) return undefined;
      throw error;
    }
  }

  /**
   * Changes the lease that was read, or makes one where there was none.
   * @throws {ApiError} a conflict where somebody has changed it, or made it, meanwhile.
   */
  async write(before: LeaseRecord | undefined, change: LeaseChange, signal?: AbortSignal): Promise<LeaseRecord> {
    const now = microTime();
    const metadata = recordAt(before?.object, "metadata");
    const spec = recordAt(before?.object, "spec");
    const isNew = before?.holder !== change.holder && change.holder !== undefined;
    const { holderIdentity: _, ...rest } = spec;
    const object = {
      ...before?.object,
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        ...metadata,
        name: this.name,
        namespace: this.#namespace,
        labels: { ...recordAt(metadata, "labels"), ...change.labels },
        annotations: { ...before?.annotations, ...change.annotations },
      },
      spec: {
        ...rest,
        // The existing agent takes a lease for free where this is missing, not where it is empty.
        ...(change.holder !== undefined && { holderIdentity: change.holder }),
        leaseDurationSeconds: change.seconds,
        renewTime: now,
        ...(isNew && { acquireTime: now, leaseTransitions: (before?.transitions ?? 0) + 1 }),
      },
    };
    const path = `${this.#collection}/${this.name}`;
    const written =
      before === undefined
        ? this.#client.create(this.#collection, object, signal)
        : this.#client.replace(path, object, signal);
    return recordOf(await written);
  }
}

function recordOf(object: JsonRecord): LeaseRecord {
  const holder = textAt(object, "spec", "holderIdentity");
  return {
    holder: holder === "" ? undefined : holder,
    seconds: numberAt(object, "spec", "leaseDurationSeconds") ?? 0,
    renewal: [textAt(object, "spec", "renewTime"), textAt(object, "spec", "acquireTime"), holder].join(" "),
    transitions: numberAt(object, "spec", "leaseTransitions") ?? 0,
    annotations: textsAt(object, "metadata", "annotations"),
    object,
  };
}

/** `MicroTime` of the API: RFC 3339 with six decimals. */
function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
