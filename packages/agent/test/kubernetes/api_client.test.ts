import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ApiClient } from "../../src/kubernetes/api_client.ts";
import { ApiError } from "../../src/kubernetes/api_error.ts";
import { type JsonRecord, textAt } from "../../src/kubernetes/json_values.ts";
import { Reflector } from "../../src/kubernetes/reflector.ts";
import { ServiceAccount } from "../../src/kubernetes/service_account.ts";
import type { Owner } from "../agent.ts";
import { eventually } from "../eventually.ts";
import { type Cluster, PODS, REAL, startCluster } from "./cluster.ts";
import { pod } from "./pods.ts";

const KINDS = REAL === undefined ? [["fake", "fake"] as const] : [["real", REAL] as const, ["fake", "fake"] as const];

for (const [kind, real] of KINDS) {
  test(`with a ${kind} API server`, async (t) => {
    const cluster = await startCluster(t, real);
    const account = await cluster.account("agents", "agent", { cluster: [PODS] });
    const client = clientOf(t, cluster, account);

    await t.test("pods of one node are listed in pages, and told while they change", async (t) => {
      for (let n = 0; n < 25; n += 1)
        await cluster.ask("POST", "/api/v1/namespaces/agents/pods", pod(`a-${n}`, "node-1"));
      await cluster.ask("POST", "/api/v1/namespaces/agents/pods", pod("elsewhere", "node-2"));
      const query = { fieldSelector: "spec.nodeName=node-1", limit: 10 };
      const names: string[] = [];
      const { resourceVersion } = await client.list("/api/v1/pods", query, (item) => void names.push(nameOf(item)));
      assert.equal(names.length, 25);
      assert.equal(new Set(names).size, 25);
      assert.match(resourceVersion, /^[1-9][0-9]*$/);
      assert.equal(client.requests.get("GET /api/v1/pods"), 3);

      const { known, events, failures } = follow(t, client, "node-1");
      await eventually(() => known.size === 25, "all are known");
      await cluster.ask("POST", "/api/v1/namespaces/agents/pods", pod("b", "node-1"));
      await cluster.ask("DELETE", "/api/v1/namespaces/agents/pods/a-0?gracePeriodSeconds=0");
      await eventually(() => known.has("b") && !known.has("a-0"), "changes are told");
      assert.deepEqual(failures, []);
      assert.ok(events.includes("ADDED b"), events.join());
    });

    await t.test("what it has no right to is refused by name", async () => {
      await assert.rejects(
        client.list("/api/v1/secrets", {}, () => undefined),
        (error) => error instanceof ApiError && error.status === 403 && error.message.includes("cannot list resource"),
      );
    });

    await t.test("a token that was renewed is used, and an old one is tried no more", async () => {
      await cluster.renewToken(account, "agents", "agent");
      const token = readFileSync(join(account, "token"), "utf8");
      writeFileSync(join(account, "token"), "expired");
      const other = clientOf(t, cluster, account);
      await assert.rejects(
        other.list("/api/v1/pods", {}, () => undefined),
        (error) => error instanceof ApiError && error.status === 401,
      );
      writeFileSync(join(account, "token"), token);
      await other.list("/api/v1/pods", { limit: 1 }, () => undefined);
    });

    await t.test("a server with a certificate of somebody else is not told the token", async (t) => {
      const ca = readFileSync(join(account, "ca.crt"));
      const stranger = await startCluster(t, "fake");
      writeFileSync(join(account, "ca.crt"), readFileSync(stranger.caFile));
      const other = clientOf(t, cluster, account);
      await assert.rejects(other.get("/api/v1/namespaces"), /certificate/);
      // The authority was renewed: it counts at once for a new look.
      writeFileSync(join(account, "ca.crt"), ca);
      await clientOf(t, cluster, account).list("/api/v1/pods", { limit: 1 }, () => undefined);
    });
  });
}

test("a watch goes on where it was when it ends, without listing anew", async (t) => {
  const { cluster, fake, client } = await fakeCluster(t);
  const { known, failures } = follow(t, client, "n");
  await eventually(() => fake.watching === 1, "it watches");
  fake.endWatches();
  await cluster.ask("POST", "/api/v1/namespaces/agents/pods", pod("late", "n"));
  await eventually(() => known.has("late"), "what came between is told");
  assert.equal(client.requests.get("GET /api/v1/pods"), 1);
  // One that ends at once may be a server's trouble.
  assert.ok(failures.length <= 1, String(failures));
});

test("versions that the server has forgotten lead to a new list, in which what was deleted is missing", async (t) => {
  const { cluster, fake, client } = await fakeCluster(t);
  await cluster.ask("POST", "/api/v1/namespaces/agents/pods", pod("gone", "n"));
  const { known } = follow(t, client, "n");
  await eventually(() => known.has("gone") && fake.watching === 1, "it is known");
  const { port } = fake;
  await fake.close();
  fake.store.delete("/api/v1/pods", "agents", "gone");
  fake.store.create("/api/v1/pods", "agents", pod("new", "n"));
  fake.store.compact();
  await fake.listen(port);
  await eventually(() => known.has("new") && !known.has("gone"), "it was listed again", 40_000);
  assert.equal(client.requests.get("GET /api/v1/pods"), 2);
});

test("bookmarks move the place from which a quiet watch goes on", async (t) => {
  const { cluster, fake, client } = await fakeCluster(t);
  follow(t, client, "n");
  await eventually(() => fake.watching === 1, "it watches");
  for (let n = 0; n < 20; n += 1) await cluster.ask("POST", "/api/v1/namespaces/agents/pods", pod(`x-${n}`, "another"));
  const { version } = fake.store;
  let from = 0;
  fake.behave = ({ verb, query }) => {
    if (verb === "watch") from = Number(query.get("resourceVersion"));
    return false;
  };
  await eventually(() => fake.bookmarked >= version, "there is a bookmark");
  fake.endWatches();
  await eventually(() => from >= version, "it goes on from there");
  assert.equal(client.requests.get("GET /api/v1/pods"), 1);
});

test("an object without an end takes no more memory than one may have", async (t) => {
  const { fake, client } = await fakeCluster(t);
  fake.behave = ({ verb }, response) => {
    if (verb !== "list") return false;
    response.writeHead(200);
    response.write('{"items":[{"a":"');
    const more = setInterval(() => response.write("x".repeat(100_000)), 1);
    response.on("close", () => clearInterval(more));
    return true;
  };
  await assert.rejects(
    client.list("/api/v1/pods", {}, () => undefined),
    /more than 4194304 bytes/,
  );
});

function follow(t: Owner, client: ApiClient, node: string) {
  const known = new Set<string>();
  const events: string[] = [];
  const failures: unknown[] = [];
  let listed = new Set<string>();
  const reflector = new Reflector({
    client,
    path: "/api/v1/pods",
    query: { fieldSelector: `spec.nodeName=${node}` },
    onListBegun: () => {
      listed = new Set();
    },
    onItem: (item) => {
      listed.add(nameOf(item));
      known.add(nameOf(item));
    },
    onListEnded: () => {
      for (const name of known) if (!listed.has(name)) known.delete(name);
    },
    onChanged: (type, object) => {
      events.push(`${type} ${nameOf(object)}`);
      if (type === "DELETED") known.delete(nameOf(object));
      else known.add(nameOf(object));
    },
    onFailed: (error) => failures.push(error),
  });
  const ended = new AbortController();
  const running = reflector.run(ended.signal);
  t.after(async () => {
    ended.abort();
    await running;
  });
  return { known, events, failures };
}

async function fakeCluster(t: Owner) {
  const cluster = await startCluster(t, "fake");
  const account = await cluster.account("agents", "agent", { cluster: [PODS] });
  const { fake } = cluster;
  assert.ok(fake !== undefined);
  return { cluster, fake, client: clientOf(t, cluster, account) };
}

function clientOf(t: Owner, { host, port }: Cluster, account: string): ApiClient {
  const client = new ApiClient({ address: { host, port }, account: new ServiceAccount(account), userAgent: "test" });
  t.after(() => client.close());
  return client;
}

function nameOf(object: JsonRecord): string {
  return textAt(object, "metadata", "name") ?? "";
}
