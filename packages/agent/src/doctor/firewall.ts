import { isIPv4, isIPv6 } from "node:net";
import { stringify } from "yaml";
import type { Destination } from "./report.ts";

const DNS = 53;

/**
 * Rules for nft(8) that let the processes of a user reach a destination and the name servers, and nothing else. Answers to
 * what reaches them from outside, as at the metrics port, pass.
 */
export function nftables({ host, addresses, port, resolvers }: Destination, uid: number): string {
  const allow = (protocol: string, to: readonly string[], number: number): string[] => [
    ...family("ip", to.filter(isIPv4), protocol, number),
    ...family("ip6", to.filter(isIPv6), protocol, number),
  ];
  const rules = [
    `meta skuid != ${uid} accept`,
    "ct state established,related accept",
    ...allow("tcp", addresses, port),
    ...["udp", "tcp"].flatMap((protocol) => allow(protocol, resolvers, DNS)),
    "counter reject with icmpx type admin-prohibited",
  ];
  return [
    ...(addresses.length === 0
      ? [`# Without an address of ${host}, which could not be looked up, this keeps the agent from it.`]
      : []),
    "table inet logdna_agent {",
    "  chain output {",
    "    type filter hook output priority filter; policy accept;",
    ...rules.map((rule) => `    ${rule}`),
    "  }",
    "}",
  ].join("\n");
}

function family(name: string, addresses: readonly string[], protocol: string, port: number): string[] {
  if (addresses.length === 0) return [];
  return [`${name} daddr { ${addresses.join(", ")} } ${protocol} dport ${port} accept`];
}

/** The same for pods of the agent, as a NetworkPolicy of Kubernetes; no pod can reach the agent. */
export function networkPolicy({ addresses, port }: Destination): string {
  const blocks = addresses.map((address) => ({ ipBlock: { cidr: `${address}/${isIPv6(address) ? 128 : 32}` } }));
  const dns = [
    { protocol: "UDP", port: DNS },
    { protocol: "TCP", port: DNS },
  ];
  return stringify({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "logdna-agent" },
    spec: {
      podSelector: { matchLabels: { app: "logdna-agent" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [
        ...(blocks.length === 0 ? [] : [{ to: blocks, ports: [{ protocol: "TCP", port }] }]),
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
              podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
            },
          ],
          ports: dns,
        },
      ],
    },
  }).trimEnd();
}
