/** An object of the API, as a test makes and gets it. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** Of the collection. */
  readonly resource: string;
  readonly object: ApiObject;
  /** What it was before. */
  readonly before: ApiObject | undefined;
}

/** Why a change is refused. */
export class StoreError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Objects with versions that grow over all of them, and the changes since some version, as etcd keeps them. */
export class ObjectStore {
  readonly #objects = new Map<string, ApiObject>();
  #changes: Change[] = [];
  #version = 1;
  /** Changes up to it are forgotten. */
  compacted = 0;
  readonly #listeners = new Set<() => void>();

  get version(): number {
    return this.#version;
  }

  /** @param resource such as `/api/v1/pods`, of all namespaces. */
  list(resource: string, namespace?: string): ApiObject[] {
    const prefix = `${resource} `;
    return [...this.#objects]
      .filter(
        ([key, { metadata }]) => key.startsWith(prefix) && (namespace ?? metadata.namespace) === metadata.namespace,
      )
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  get(resource: string, namespace: string | undefined, name: string): ApiObject {
    const found = this.#objects.get(keyOf(resource, namespace, name));
    if (found === undefined) throw new StoreError(404, `${resource} "${name}" not found`);
    return found;
  }

  create(resource: string, namespace: string | undefined, object: ApiObject): ApiObject {
    const key = keyOf(resource, namespace, object.metadata.name);
    if (this.#objects.has(key)) throw new StoreError(409, `${resource} "${object.metadata.name}" already exists`);
    const metadata = { ...object.metadata, uid: crypto.randomUUID(), creationTimestamp: new Date().toISOString() };
    return this.#put("ADDED", resource, key, {
      ...object,
      metadata: namespace === undefined ? metadata : { ...metadata, namespace },
    });
  }

  update(resource: string, namespace: string | undefined, object: ApiObject): ApiObject {
    const before = this.get(resource, namespace, object.metadata.name);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
      throw new StoreError(409, "the object has been modified; please apply your changes to the latest version");
    const { uid, namespace: ns, creationTimestamp } = before.metadata;
    const metadata = { ...object.metadata, uid, creationTimestamp, ...(ns !== undefined && { namespace: ns }) };
    return this.#put("MODIFIED", resource, keyOf(resource, namespace, object.metadata.name), {
      ...object,
      metadata,
    } as ApiObject);
  }

  delete(resource: string, namespace: string | undefined, name: string): ApiObject {
    const key = keyOf(resource, namespace, name);
    const before = this.get(resource, namespace, name);
    this.#objects.delete(key);
    this.#version += 1;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ version: this.#version, type: "DELETED", resource, object, before });
    return object;
  }

  changesAfter(version: number): Change[] {
    return this.#changes.filter((change) => change.version > version);
  }

  /** Forgets all changes so far, as etcd is made to every few minutes. */
  compact(): void {
    this.compacted = this.#version;
    this.#changes = [];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #put(type: Change["type"], resource: string, key: string, object: ApiObject): ApiObject {
    const before = this.#objects.get(key);
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#objects.set(key, stored);
    this.#tell({ version: this.#version, type, resource, object: stored, before });
    return stored;
  }

  #tell(change: Change): void {
    this.#changes.push(change);
    for (const listener of this.#listeners) listener();
  }
}

function keyOf(resource: string, namespace: string | undefined, name: string): string {
  return `${resource} ${namespace ?? ""} ${name}`;
}
