import type { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  accessSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Owner } from "../agent.ts";
import { eventually } from "../eventually.ts";
import { ADMIN_TOKEN, FakeApiServer } from "./fake_api_server.ts";

/** A cluster without nodes: an API server that knows roles and tokens, real or not. */
export interface Cluster {
  readonly host: string;
  readonly port: number;
  readonly caFile: string;
  /** Present where it is no real one: then it can be told to misbehave. */
  readonly fake: FakeApiServer | undefined;
  /** Asks as an administrator; rejects unless the answer is a success. */
  ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** Makes an account with these rights; what its pod would have mounted is in the directory that comes back. */
  account(namespace: string, name: string, rights: Rights): Promise<string>;
  /** Puts another token into such a directory, as the kubelet does. */
  renewToken(directory: string, namespace: string, name: string, seconds?: number): Promise<void>;
}

interface Rights {
  readonly cluster?: readonly unknown[];
  readonly namespace?: readonly unknown[];
}

/** What the documents say that an agent needs for everything. */
export const PODS = { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] };
export const EVENTS = { apiGroups: [""], resources: ["events"], verbs: ["list", "watch"] };
export const NODES = { apiGroups: [""], resources: ["nodes"], verbs: ["list"] };
export const METRICS = { apiGroups: ["metrics.k8s.io"], resources: ["pods", "nodes"], verbs: ["list"] };
export const LEASES = { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] };

/** The real API server, where there is one: KUBE_APISERVER names it, or it is in the PATH; and etcd with it. */
export const REAL = ((): { readonly server: string; readonly etcd: string } | undefined => {
  if (process.env.KUBE_APISERVER === "fake") return undefined;
  const [server, etcd] = [process.env.KUBE_APISERVER ?? inPath("kube-apiserver"), process.env.ETCD ?? inPath("etcd")];
  return server === undefined || etcd === undefined ? undefined : { server, etcd };
})();

const READY_MS = 60_000;

/** Starts a cluster that ends with its owner. A real one where there is one, unless a fake is asked for. */
export async function startCluster(t: Owner, real: typeof REAL | "fake" = REAL): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), "cluster-"));
  // Hooks run in the order of their making.
  const ends: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
    rmSync(directory, { recursive: true, force: true });
  });
  if (real !== undefined && real !== "fake") return startReal(real, directory, ends);
  const fake = await FakeApiServer.start(directory);
  ends.push(() => fake.close().catch(() => undefined));
  const { port, caFile } = fake;
  return clusterAt({ port, caFile, directory, fake });
}

async function startReal(real: NonNullable<typeof REAL>, directory: string, ends: (() => unknown)[]): Promise<Cluster> {
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const start = (file: string, args: readonly string[]): { readonly output: () => string } => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], cwd: directory });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-5000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const ended = new Promise((resolve) => child.on("close", resolve));
    ends.push(() => {
      child.kill("SIGKILL");
      return ended;
    });
    return { output: () => output };
  };
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  start(real.etcd, [
    ...["--data-dir", join(directory, "etcd"), "--unsafe-no-fsync"],
    ...["--listen-client-urls", etcdUrl, "--advertise-client-urls", etcdUrl],
    ...["--listen-peer-urls", `http://127.0.0.1:${peerPort}`],
  ]);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(join(directory, "sa.key"), privateKey.export({ type: "sec1", format: "pem" }));
  writeFileSync(join(directory, "tokens.csv"), `${ADMIN_TOKEN},admin,admin,"system:masters"\n`);
  const server = start(real.server, [
    ...["--etcd-servers", etcdUrl, "--secure-port", String(port), "--bind-address", "127.0.0.1"],
    ...["--advertise-address", "127.0.0.1", "--cert-dir", directory, "--service-cluster-ip-range", "10.96.0.0/16"],
    ...["--service-account-issuer", "https://kubernetes.default.svc"],
    ...["--service-account-signing-key-file", "sa.key", "--service-account-key-file", "sa.key"],
    ...["--authorization-mode", "Node,RBAC", "--token-auth-file", "tokens.csv"],
    // Nothing makes the accounts that it wants for each pod: that is the controller manager's work.
    ...["--disable-admission-plugins", "ServiceAccount"],
  ]);
  const caFile = join(directory, "apiserver.crt");
  const cluster = clusterAt({ port, caFile, directory, fake: undefined });
  let answer = "";
  const isReady = (): Promise<boolean> =>
    cluster.ask("GET", "/readyz").then(
      () => true,
      (error: unknown) => {
        answer = String(error);
        return false;
      },
    );
  await eventually(isReady, "the API server is ready", READY_MS).catch(() => {
    throw new Error(`The API server is not ready: ${answer}\n${server.output()}`);
  });
  return cluster;
}

function clusterAt({
  port,
  caFile,
  directory,
  fake,
}: {
  port: number;
  caFile: string;
  directory: string;
  fake: FakeApiServer | undefined;
}): Cluster {
  const ask = (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> =>
    askAs(ADMIN_TOKEN, port, caFile, method, path, body);
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const cluster: Cluster = {
    ...{ host: "127.0.0.1", port, caFile, fake, ask },
    async account(namespace, name, rights) {
      const ignoreExisting = (error: Error): void => {
        if (!error.message.includes("409")) throw error;
      };
      await ask("POST", "/api/v1/namespaces", { metadata: { name: namespace } }).catch(ignoreExisting);
      await ask("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
      const subjects = [{ kind: "ServiceAccount", name, namespace }];
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", name };
      const metadata = { name };
      await ask("POST", `${rbac}/clusterroles`, { metadata, rules: rights.cluster ?? [] });
      await ask("POST", `${rbac}/clusterrolebindings`, {
        metadata,
        subjects,
        roleRef: { ...roleRef, kind: "ClusterRole" },
      });
      await ask("POST", `${rbac}/namespaces/${namespace}/roles`, { metadata, rules: rights.namespace ?? [] });
      await ask("POST", `${rbac}/namespaces/${namespace}/rolebindings`, {
        metadata,
        subjects,
        roleRef: { ...roleRef, kind: "Role" },
      });
      const mounted = join(directory, `${namespace}-${name}`);
      mkdirSync(mounted);
      copyFileSync(caFile, join(mounted, "ca.crt"));
      writeFileSync(join(mounted, "namespace"), namespace);
      await cluster.renewToken(mounted, namespace, name);
      return mounted;
    },
    async renewToken(mounted, namespace, name, expirationSeconds = 3600) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const { status } = await ask("POST", path, { spec: { expirationSeconds } });
      writeFileSync(join(mounted, "token.new"), (status as { token: string }).token);
      renameSync(join(mounted, "token.new"), join(mounted, "token"));
    },
  };
  return cluster;
}

function askAs(
  token: string,
  port: number,
  caFile: string,
  method: string,
  path: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const sent = request(
    {
      ...{ host: "127.0.0.1", port, method, path, ca: readIfThere(caFile), servername: "" },
      headers: { authorization: `Bearer ${token}`, "content-type": type },
    },
    (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8");
      });
      answer.on("end", () => {
        if (answer.statusCode !== undefined && answer.statusCode < 300) {
          resolve(text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {});
        } else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 300)}`));
      });
    },
  );
  sent.on("error", reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function inPath(name: string): string | undefined {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
