import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { makeAuthority } from "../certificates.ts";
import { type ApiObject, type Change, ObjectStore, StoreError } from "./object_store.ts";
import { type Asked, allows } from "./role_rules.ts";

/** A request, as far as it says what is asked for. */
interface ApiRequest {
  readonly verb: string;
  /** `/api/v1/pods`, of all namespaces. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
}

/** How often a quiet watch is told where it is, in milliseconds. */
const BOOKMARK_MS = 500;
export const ADMIN_TOKEN = "admin-token";

/**
 * A server that speaks the protocol of Kubernetes' API server as far as an agent meets it: TLS, tokens that expire, RBAC by the roles
 * and bindings that it holds, lists in pages, watches in pieces with bookmarks, versions that were compacted (410), conflicts (409).
 */
export class FakeApiServer {
  readonly store = new ObjectStore();
  readonly caFile: string;
  readonly #server: Server;
  readonly #watches = new Set<() => void>();
  /** Users by token, and until when it is good. */
  readonly #tokens = new Map<string, { readonly user: string; readonly until: number }>();
  /** Continue tokens: the rest of a list. */
  readonly #pages = new Map<string, { readonly items: readonly ApiObject[]; readonly version: number }>();
  /** What was asked for, by verb and resource. */
  readonly asked: Asked[] = [];
  /** The version that the last bookmark told. */
  bookmarked = 0;
  /** Answers instead of the server; true when it has. */
  behave: ((asked: ApiRequest, response: ServerResponse) => boolean) | undefined;

  private constructor(caFile: string, tls: { readonly key: string; readonly cert: string }) {
    this.caFile = caFile;
    this.#server = createServer(tls, (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(directory: string): Promise<FakeApiServer> {
    const authority = await makeAuthority(directory, "cluster authority");
    const server = new FakeApiServer(authority.caFile, await authority.issue({ names: ["127.0.0.1"] }));
    await server.listen(0);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
  }

  /** Ends every connection and takes none until `listen`. */
  async close(): Promise<void> {
    // Who is cut off comes back at once: no connection is taken from here on.
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.endWatches();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Ends all watches, as a server does after some minutes. */
  endWatches(): void {
    for (const end of this.#watches) end();
  }

  get watching(): number {
    return this.#watches.size;
  }

  expireTokens(): void {
    this.#tokens.clear();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const known = this.#tokens.get(token);
    const user =
      token === ADMIN_TOKEN ? "admin" : known !== undefined && known.until > Date.now() ? known.user : undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (user === undefined) return refuse(response, 401, "Unauthorized");
    const asked = readRequest(request.method ?? "GET", new URL(request.url ?? "/", "https://fake"));
    if (asked === undefined) return refuse(response, 404, "no such path");
    const { verb, resource, namespace, name, subresource } = asked;
    this.asked.push({ user, verb, resource, namespace, name, subresource });
    if (user !== "admin" && !allows(this.store, { user, verb, resource, namespace, name, subresource })) {
      const what = `${user} cannot ${verb} resource "${resource}"${namespace === undefined ? " at the cluster scope" : ` in the namespace "${namespace}"`}`;
      return refuse(response, 403, what);
    }
    if (this.behave?.(asked, response) === true) return;
    try {
      if (verb === "watch") return this.#watch(asked, response);
      const text = Buffer.concat(chunks).toString("utf8");
      const body: unknown = text === "" ? undefined : JSON.parse(text);
      send(response, verb === "create" ? 201 : 200, this.#act(asked, body));
    } catch (error) {
      if (error instanceof StoreError) refuse(response, error.status, error.message);
      else throw error;
    }
  }

  #act(asked: ApiRequest, body: unknown): unknown {
    const { verb, resource, namespace, name = "", subresource } = asked;
    switch (verb) {
      case "list":
        return this.#list(asked);
      case "get":
        return this.store.get(resource, namespace, name);
      case "create":
        if (subresource === "token") return this.#issueToken(`system:serviceaccount:${namespace}:${name}`, body);
        return this.store.create(resource, namespace, body as ApiObject);
      case "update":
        return this.store.update(resource, namespace, body as ApiObject);
      case "patch":
        return this.store.update(
          resource,
          namespace,
          merged(this.store.get(resource, namespace, name), body) as ApiObject,
        );
      case "delete":
        return this.store.delete(resource, namespace, name);
      default:
        throw new StoreError(405, `the fake knows no ${verb}`);
    }
  }

  #issueToken(user: string, body: unknown): unknown {
    const seconds = (body as { spec?: { expirationSeconds?: number } }).spec?.expirationSeconds ?? 3600;
    const token = crypto.randomUUID();
    this.#tokens.set(token, { user, until: Date.now() + seconds * 1000 });
    return { kind: "TokenRequest", status: { token } };
  }

  #list({ resource, namespace, query }: ApiRequest): unknown {
    const continued = query.get("continue");
    const page = continued === null ? undefined : this.#pages.get(continued);
    if (continued !== null) this.#pages.delete(continued);
    if (continued !== null && (page === undefined || page.version < this.store.compacted))
      throw new StoreError(410, "The provided continue parameter is too old to display a consistent list result.");
    const all = page?.items ?? this.store.list(resource, namespace).filter((object) => isSelected(object, query));
    const version = page?.version ?? this.store.version;
    // From the cache everything comes at once.
    const limit = query.get("resourceVersion") === "0" ? 0 : Number(query.get("limit") ?? 0);
    const items = limit > 0 ? all.slice(0, limit) : all;
    const metadata: Record<string, unknown> = { resourceVersion: String(version) };
    if (items.length < all.length) {
      const next = crypto.randomUUID();
      this.#pages.set(next, { items: all.slice(limit), version });
      Object.assign(metadata, { continue: next, remainingItemCount: all.length - limit });
    }
    return { kind: "List", apiVersion: "v1", metadata, items };
  }

  #watch({ resource, namespace, query }: ApiRequest, response: ServerResponse): void {
    let version = Number(query.get("resourceVersion") ?? 0);
    response.writeHead(200, { "content-type": "application/json" });
    const write = (type: string, object: unknown): void => {
      const line = Buffer.from(`${JSON.stringify({ type, object })}\n`);
      // A change does not arrive in one piece.
      const middle = line.length >> 1;
      response.write(line.subarray(0, middle));
      response.write(line.subarray(middle));
    };
    if (version < this.store.compacted) {
      write("ERROR", { kind: "Status", code: 410, reason: "Expired", message: `too old resource version: ${version}` });
      response.end();
      return;
    }
    const flush = (): void => {
      for (const change of this.store.changesAfter(version)) {
        version = change.version;
        if (
          change.resource !== resource ||
          (namespace ?? change.object.metadata.namespace) !== change.object.metadata.namespace
        )
          continue;
        const seen = asSeen(change, query);
        if (seen !== undefined) write(seen, change.object);
      }
    };
    const bookmark = setInterval(() => {
      flush();
      version = Math.max(version, this.store.version);
      if (query.get("allowWatchBookmarks") !== "true") return;
      write("BOOKMARK", { kind: "Bookmark", metadata: { resourceVersion: String(version) } });
      this.bookmarked = version;
    }, BOOKMARK_MS);
    const stop = this.store.onChange(flush);
    const end = (): void => {
      clearInterval(bookmark);
      clearTimeout(timer);
      stop();
      this.#watches.delete(end);
      response.end();
    };
    const timer = setTimeout(end, Number(query.get("timeoutSeconds") ?? 1800) * 1000);
    this.#watches.add(end);
    response.on("close", end);
    response.flushHeaders();
    flush();
  }
}

/** How a watch with a selector sees a change: what leaves the selection is deleted for it. */
function asSeen({ type, object, before }: Change, query: URLSearchParams): Change["type"] | undefined {
  const is = isSelected(object, query);
  const was = before !== undefined && isSelected(before, query);
  if (type === "DELETED") return was ? "DELETED" : undefined;
  if (is) return was ? "MODIFIED" : "ADDED";
  return was ? "DELETED" : undefined;
}

function isSelected(object: ApiObject, query: URLSearchParams): boolean {
  const fields = (query.get("fieldSelector") ?? "").split(",").filter((term) => term !== "");
  const labels = (query.get("labelSelector") ?? "").split(",").filter((term) => term !== "");
  return (
    fields.every((term) => {
      const [path = "", value] = term.split("=");
      const found = path
        .split(".")
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
      return found === value;
    }) &&
    labels.every((term) => {
      const [key = "", value] = term.split("=");
      return object.metadata.labels?.[key] === value;
    })
  );
}

const METHODS: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };

function readRequest(method: string, url: URL): ApiRequest | undefined {
  const path =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      url.pathname,
    );
  if (path === null) return undefined;
  const [, group = "", namespace, kind = "", name, subresource] = path;
  const isWatch = url.searchParams.get("watch") === "true";
  const reading = name === undefined ? (isWatch ? "watch" : "list") : "get";
  return {
    verb: METHODS[method] ?? reading,
    resource: `${group}/${kind}`,
    namespace,
    name,
    subresource,
    query: url.searchParams,
  };
}

/** JSON Merge Patch (RFC 7396). */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof before === "object" && before !== null ? { ...before } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json" });
  for (let at = 0; at < text.length; at += 10_000) response.write(text.slice(at, at + 10_000));
  response.end();
}

function refuse(response: ServerResponse, code: number, message: string): void {
  send(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", code, message });
}
