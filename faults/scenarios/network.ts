/** Faults of connections and of names: what happens before a request has begun. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { noTinyproxy, startTinyproxy } from "../../packages/agent/test/tinyproxy.ts";
import { CONNECTION_FAULTS, type ConnectionFaultName } from "../connection_faults.ts";
import { type DnsMode, DnsServer } from "../dns_server.ts";
import { asRoot } from "../lacks.ts";
import type { Scenario } from "../scenario.ts";
import { RECOVERY_MS, type Scene } from "../scene.ts";

const DAY_MS = 86_400_000;
const HOST = "logs.faults.test";
/** Two addresses of loopback, between which the server moves. */
const ADDRESSES = ["127.0.0.1", "127.0.0.2"] as const;
/** What a query that gets no answer, and the one after it, take: the resolver's options below. */
const DNS_SILENCE_MS = 2 * 1000;

async function refused(scene: Scene): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await scene.traffic(20);
    await scene.server.refuse();
    await scene.traffic(scene.random.between(20, 150));
    await scene.recover("the server listened again");
  }
}

async function connections(scene: Scene): Promise<void> {
  // Object.keys gives strings; these are the very keys of the table.
  const all = Object.keys(CONNECTION_FAULTS) as ConnectionFaultName[];
  for (const fault of scene.random.shuffle(all)) {
    await scene.traffic(10);
    scene.server.injectConnection(fault);
    await scene.traffic(scene.random.between(20, 80));
    await scene.recover(fault);
  }
}

/** A stalled exchange that is never cut: only the agent's own time-out ends it. */
async function leftHanging(scene: Scene): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await scene.traffic(20);
    scene.server.injectConnection(scene.random.pick(["stall_at_accept", "stall_in_handshake"]));
    await scene.traffic(scene.random.between(20, 80));
    await scene.recover("a stall that goes on for old connections", 1500 + RECOVERY_MS, () =>
      scene.server.heal({ hanging: true }),
    );
  }
}

async function certificate(scene: Scene): Promise<void> {
  const { authority, server } = scene;
  if (authority === undefined) throw new Error("This scenario needs TLS.");
  await scene.traffic(20);
  server.useCertificate(await authority.issue({ validForMs: -1000 }));
  await scene.traffic(scene.random.between(50, 150));
  await scene.recover("an expired certificate was renewed", RECOVERY_MS, async () =>
    server.useCertificate(await authority.issue()),
  );
  server.useCertificate(await authority.issue({ validFromMs: DAY_MS, validForMs: 2 * DAY_MS }));
  await scene.traffic(scene.random.between(50, 100));
  await scene.recover("a certificate that is not valid yet was replaced", RECOVERY_MS, async () =>
    server.useCertificate(await authority.issue()),
  );
}

async function names(scene: Scene): Promise<void> {
  const dns = await DnsServer.start();
  scene.after(() => dns.close());
  const resolver = join(scene.place.root, "resolv.conf");
  writeFileSync(resolver, `nameserver ${dns.address}\noptions timeout:1 attempts:1\n`);
  scene.agent.options = {
    wrapper: ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver],
  };
  await scene.agent.kill();
  await scene.agent.start();
  const modes: readonly DnsMode[] = scene.random.shuffle(["unknown", "failing", "silent", "moved"]);
  let at = 0;
  for (const mode of modes) {
    await scene.traffic(30);
    await scene.server.refuse();
    dns.mode = mode;
    await scene.traffic(scene.random.between(30, 100));
    at = 1 - at;
    const address = ADDRESSES[at] ?? ADDRESSES[0];
    await scene.recover(`DNS ${mode}`, RECOVERY_MS + (mode === "silent" ? DNS_SILENCE_MS : 0), async () => {
      dns.mode = "answers";
      dns.target = address;
      await scene.server.listen(address);
    });
  }
  // What is healed in the end is where the name leads.
  await scene.server.refuse();
  dns.target = ADDRESSES[0];
}

const PROXY_PASSWORD = "hiddenPa55word";

/** The way leads through a proxy, which alone knows the server's name: it ends, stops, and cannot connect. */
async function proxy(scene: Scene): Promise<void> {
  const options = {
    place: scene.place,
    hosts: [`${ADDRESSES[0]} ${HOST}`],
    settings: [`BasicAuth agent ${PROXY_PASSWORD}`],
  };
  let proxy = await startTinyproxy(scene, options);
  const { port } = proxy;
  scene.agent.secrets.push(PROXY_PASSWORD);
  scene.agent.options = { env: { LOGDNA_PROXY: `http://agent:${PROXY_PASSWORD}@127.0.0.1:${port}` } };
  await scene.agent.kill();
  await scene.agent.start();
  for (const fault of scene.random.shuffle(["ended", "stopped", "leads to nobody", "leads to a stall"] as const)) {
    await scene.traffic(30, (step) => {
      if (step === 15) scene.rotate();
    });
    if (fault === "leads to nobody") await scene.server.refuse();
    if (fault === "leads to a stall") scene.server.injectConnection("stall_at_accept");
    if (fault === "ended") await proxy.stop();
    if (fault === "stopped") proxy.signal("SIGSTOP");
    // What was stored by then may have had its answer on its way through the proxy.
    if (fault === "ended" || fault === "stopped") scene.server.lostAnswers += scene.maxInFlight;
    await scene.traffic(scene.random.between(30, 200));
    await scene.recover(`the proxy ${fault}`, RECOVERY_MS, async () => {
      if (fault === "ended") proxy = await startTinyproxy(scene, { ...options, port });
      if (fault === "stopped") proxy.signal("SIGCONT");
      await scene.server.heal();
    });
  }
  if (proxy.asked().length === 0) scene.agent.wrong.push("nothing went through the proxy: nothing was tried");
}

export const NETWORK: readonly Scenario[] = [
  { name: "refused", about: "The server refuses connections, several times.", run: refused },
  {
    name: "connections",
    about: "Connections are reset, closed, or stall before and within the handshake, or something else listens there.",
    run: connections,
  },
  { name: "left-hanging", about: "A stalled connection is never cut.", run: leftHanging },
  {
    name: "certificate",
    about: "The certificate expires and is renewed.",
    setUp: () => ({ tls: true }),
    run: certificate,
  },
  {
    name: "dns",
    about: "The name is unknown, fails, is not answered, or leads to another address.",
    lacks: asRoot,
    setUp: () => ({ host: HOST }),
    run: names,
  },
  {
    name: "proxy",
    about: "The way leads through a proxy, which ends, stops, or cannot connect.",
    lacks: () => noTinyproxy || undefined,
    setUp: () => ({ host: HOST }),
    run: proxy,
  },
];
