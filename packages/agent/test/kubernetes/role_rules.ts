import type { ApiObject, ObjectStore } from "./object_store.ts";

/** Who asks for what. */
export interface Asked {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs?: readonly string[];
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Whether the roles and bindings in a store allow it (RBAC): those of the cluster, and those of the namespace that is asked about. */
export function allows(store: ObjectStore, asked: Asked): boolean {
  const cluster = store
    .list(`${RBAC}/clusterrolebindings`)
    .filter((binding) => isFor(binding, asked.user))
    .flatMap((binding) => rulesOf(store, binding, undefined));
  const { namespace } = asked;
  const own = (namespace === undefined ? [] : store.list(`${RBAC}/rolebindings`, namespace))
    .filter((binding) => isFor(binding, asked.user))
    .flatMap((binding) => rulesOf(store, binding, namespace));
  return [...cluster, ...own].some((rule) => fits(rule, asked));
}

function isFor(binding: ApiObject, user: string): boolean {
  const subjects = (binding.subjects ?? []) as { kind: string; name: string; namespace?: string }[];
  return subjects.some(
    ({ kind, name, namespace }) => kind === "ServiceAccount" && user === `system:serviceaccount:${namespace}:${name}`,
  );
}

function rulesOf(store: ObjectStore, binding: ApiObject, namespace: string | undefined): readonly Rule[] {
  const { kind, name } = binding.roleRef as { kind: string; name: string };
  const isCluster = kind === "ClusterRole";
  const role = store.get(`${RBAC}/${isCluster ? "clusterroles" : "roles"}`, isCluster ? undefined : namespace, name);
  return (role.rules ?? []) as Rule[];
}

function fits(rule: Rule, { verb, resource, name, subresource }: Asked): boolean {
  const [, api, group = ""] = resource.split("/");
  const kind = resource.slice(resource.lastIndexOf("/") + 1) + (subresource === undefined ? "" : `/${subresource}`);
  const has = (list: readonly string[] | undefined, value: string): boolean =>
    list?.some((one) => one === "*" || one === value) ?? false;
  return (
    has(rule.apiGroups, api === "api" ? "" : group) &&
    has(rule.resources, kind) &&
    has(rule.verbs, verb) &&
    // What is made has no name yet that could be looked at.
    (rule.resourceNames === undefined || (verb !== "create" && name !== undefined && rule.resourceNames.includes(name)))
  );
}
