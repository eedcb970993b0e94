import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentOptions, type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { ask, askUntil, freePort, parseMetrics, scrapeUntil, send } from "./scrape.ts";
import { type Sink, startSink } from "./sink.ts";

const KEY = "test-key-0123456789";
const isRoot = process.geteuid?.() === 0;

interface Served {
  readonly place: Place;
  readonly sink: Sink;
  readonly agent: AgentProcess;
  /** Of the metrics. */
  readonly port: number;
}

async function openSink(t: TestContext): Promise<Sink> {
  const sink = await startSink();
  t.after(() => sink.close());
  return sink;
}

/** An agent with a metrics port. */
async function serve(t: TestContext, options: Partial<AgentOptions> = {}): Promise<Served> {
  const place = options.place ?? makePlace();
  const [sink, port] = [await openSink(t), await freePort()];
  const env = { LOGDNA_METRICS_PORT: String(port), LOGDNA_SHUTDOWN_TIMEOUT: "300", ...options.env };
  const agent = await startedAgent(t, { port: sink.port, ...options, place, env });
  return { place, sink, agent, port };
}

/** Local addresses of the sockets that listen at a port: proc_pid_net(5), as the kernel writes them. */
function listeningAt(port: number): string[] {
  return ["tcp", "tcp6"].flatMap((family) =>
    readFileSync(`/proc/net/${family}`, "utf8")
      .split("\n")
      .slice(1)
      .flatMap((line) => {
        const [, local = "", , state] = line.trim().split(/\s+/);
        const [address = "", hex = ""] = local.split(":");
        return state === "0A" && Number.parseInt(hex, 16) === port ? [address] : [];
      }),
  );
}

test("the numbers tell what was read, shipped and requested, and add up", async (t) => {
  const { place, sink, port } = await serve(t);
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\n\ntwo\n");
  await sink.until(() => sink.texts().length === 2);
  const first = await scrapeUntil(port, (number) => number("logdna_agent_lines_shipped") === 2);
  assert.equal(first.get("logdna_agent_bytes_read"), 9);
  assert.equal(first.get("logdna_agent_fs_bytes"), 9);
  assert.equal(first.get("logdna_agent_fs_lines"), 2);
  const settled = ["shipped", "empty", "dropped"].map((kind) => first.get(`logdna_agent_bytes_${kind}`) ?? Number.NaN);
  assert.equal(
    settled.reduce((sum, bytes) => sum + bytes),
    9,
  );
  // A line that arrives later moves them on; files followed are counted now, not at the last look.
  appendFileSync(log, "three\n");
  writeFileSync(join(place.logs, "b.log"), "four\n");
  await sink.until(() => sink.texts().length === 4);
  const second = await scrapeUntil(port, (number) => number("logdna_agent_lines_shipped") === 4);
  assert.equal(second.get("logdna_agent_bytes_read"), 20);
  assert.equal(second.get("logdna_agent_files_followed"), 2);
  assert.equal(second.get("logdna_agent_requests_accepted"), sink.accepted.length);
  const duration = "logdna_agent_ingest_request_duration_seconds";
  assert.equal(second.get(`${duration}_count{outcome="success"}`), sink.accepted.length);
  assert.equal(second.get(`${duration}_bucket{outcome="success",le="+Inf"}`), sink.accepted.length);
  assert.equal(second.get("logdna_agent_ingest_request_size_sum"), second.get("logdna_agent_request_bytes"));
});

test("process metrics are those of the agent", async (t) => {
  const { agent, port } = await serve(t);
  const { body, headers } = await ask(port, "/metrics");
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const numbers = parseMetrics(body);
  const version = (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string })
    .version;
  assert.equal(numbers.get(`logdna_agent_info{version="${version}"}`), 1);
  const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
  const rss = 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  const told = numbers.get("process_resident_memory_bytes") ?? 0;
  assert.ok(told > rss / 2 && told < rss * 2, `${told} of ${rss}`);
  assert.ok((numbers.get("process_cpu_seconds_total") ?? 0) > 0);
  assert.ok((numbers.get("process_open_fds") ?? 0) > 3);
  const age = Date.now() / 1000 - (numbers.get("process_start_time_seconds") ?? 0);
  assert.ok(age > 0 && age < 60, `${age} s`);
});

test("the metrics tell which layers of the confinement hold", { skip: isRoot ? false : "needs root" }, async (t) => {
  const wrapper = ["unshare", "--mount", "--propagation", "shared", "--"];
  const { agent, port } = await serve(t, { env: { LOGDNA_CONFINEMENT: "required" }, wrapper });
  const { layers } = await agent.logged(({ event }) => event === "confined");
  const numbers = parseMetrics((await ask(port, "/metrics")).body);
  const told = [...numbers].flatMap(([name, value]) => {
    const layer = /^logdna_agent_confinement_layer\{layer="([^"]+)"\}$/.exec(name)?.[1];
    return layer === undefined ? [] : [{ layer, value }];
  });
  assert.deepEqual(
    told.filter(({ value }) => value === 1).map(({ layer }) => layer),
    layers,
  );
  assert.equal(told.length, 6);
  assert.ok(numbers.get('logdna_agent_confinement_layer{layer="landlock"}') === 1);
  assert.equal(numbers.get("logdna_agent_confined"), 1);
});

test("without confinement the metrics say so", async (t) => {
  const { port } = await serve(t, { env: { LOGDNA_CONFINEMENT: "off" } });
  const numbers = parseMetrics((await ask(port, "/metrics")).body);
  assert.equal(numbers.get("logdna_agent_confined"), 0);
  assert.equal(numbers.get('logdna_agent_confinement_layer{layer="landlock"}'), 0);
});

test("nothing of the configuration, of a line or of a name can be had from the port", async (t) => {
  const place = makePlace();
  const planted = `${KEY}\n"} 1 # HELP`;
  writeFileSync(
    join(place.root, "config.yaml"),
    `http:\n  params: {tags: [${KEY}]}\nlog:\n  dirs: [${JSON.stringify(place.logs)}]\n`,
  );
  writeFileSync(join(place.logs, `${planted}.log`), `${KEY} in a line\n`);
  const { sink, port } = await serve(t, {
    place,
    env: { LOGDNA_LOOKBACK: "start", LOGDNA_HOSTNAME: "secret-host-name", LOGDNA_IP: "192.0.2.77" },
  });
  await sink.until(() => sink.texts().includes(`${KEY} in a line`));
  // The server repeats the key in its refusal, as a broken one might.
  sink.behave((_, response) => {
    response.writeHead(401).end(`no such key: ${KEY}`);
    return true;
  });
  writeFileSync(join(place.logs, "b.log"), "refused\n");
  await askUntil(port, "/health/ready", ({ status }) => status === 503);
  const paths = [
    "/metrics",
    "/health/live",
    "/health/ready",
    "/",
    "/metrics/",
    "/constructor",
    `/${KEY}`,
    "/debug/vars",
  ];
  const answers: string[] = [];
  for (const path of paths) {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS", "TRACE"])
      answers.push(
        await send(port, `${method} ${path} HTTP/1.1\r\nhost: localhost\r\norigin: http://x\r\nx-a: ${KEY}\r\n\r\n`),
      );
  }
  answers.push(await send(port, `GET /metrics HTTP/1.1\r\nhost: ${KEY}\r\n\r\n`));
  answers.push(await send(port, `${KEY}\r\n\r\n`));
  for (const answer of answers) {
    assert.match(answer, /^HTTP\/1\.1 \d{3} /);
    for (const secret of [KEY, place.logs, "secret-host-name", "192.0.2.77", 'HELP"', "b.log"])
      assert.ok(!answer.includes(secret), `${secret} in ${answer}`);
    assert.doesNotMatch(answer, /^(access-control|server|x-powered-by)/im);
  }
});

test("there is nothing but the three resources, to be read", async (t) => {
  const { port } = await serve(t);
  for (const path of ["/", "/metrics/", "/health", "/__proto__", "/constructor", "/health/../metrics", "//metrics"])
    assert.equal((await ask(port, path)).status, 404, path);
  for (const path of ["/metrics", "/health/live", "/health/ready"]) {
    const got = await ask(port, path);
    const head = await ask(port, path, { method: "HEAD" });
    assert.deepEqual([got.status, head.status, head.body], [200, 200, ""], path);
    assert.equal(head.headers["content-type"], got.headers["content-type"]);
    assert.ok(Number(head.headers["content-length"]) > 0);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]) {
      const other = await ask(port, path, { method });
      assert.deepEqual([other.status, other.headers.allow], [405, "GET, HEAD"], `${method} ${path}`);
    }
  }
  assert.match(await send(port, "CONNECT x:1 HTTP/1.1\r\nhost: localhost\r\n\r\n"), /^HTTP\/1\.1 405 /);
  assert.equal((await ask(port, "/metrics?name[]=x")).status, 200);
});

test("a body is neither asked for nor read, and ends the connection", async (t) => {
  const { agent, port } = await serve(t);
  const head = (more: string): string => `POST /metrics HTTP/1.1\r\nhost: localhost\r\n${more}\r\n\r\n`;
  const bodies = [
    `${head("content-length: 5")}hello`,
    head("content-length: 1000000000000"),
    `${head("transfer-encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`,
    head("transfer-encoding: chunked"),
    head("content-length: 5\r\nexpect: 100-continue"),
    head("transfer-encoding: chunked\r\nexpect: 100-continue"),
    "GET /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc",
    "GET /health/live HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc",
  ];
  for (const sent of bodies) assert.match(await send(port, sent), /^HTTP\/1\.1 413 /, sent);
  for (const sent of [head("content-length: 5\r\ntransfer-encoding: chunked"), head("content-length: -1")])
    assert.match(await send(port, sent), /^HTTP\/1\.1 400 /, sent);
  // Who sends on is cut off: a gigabyte gets nowhere.
  const socket = connect({ port, host: "127.0.0.1" });
  t.after(() => void socket.destroy());
  socket.on("error", () => undefined).on("data", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(head("content-length: 1000000000"));
  const block = Buffer.alloc(65_536);
  const pump = (): void => {
    while (!socket.destroyed && socket.bytesWritten < 1e9 && socket.write(block));
  };
  socket.on("drain", pump);
  pump();
  await closed;
  assert.ok(socket.bytesWritten < 1e8, `${socket.bytesWritten} bytes`);
  assert.equal((await ask(port, "/health/live")).status, 200);
  assert.equal(await agent.stop(), 0);
});

test("heads are bounded, and a connection has one answer", async (t) => {
  const { port } = await serve(t);
  const get = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n";
  assert.match(await send(port, `${get}x: ${"x".repeat(9000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(await send(port, `${get}${"a: b\r\n".repeat(200)}\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(await send(port, "GET /health/live HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  for (const head of [
    `${get}connection: keep-alive\r\n\r\n`,
    "GET /metrics HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
  ]) {
    const answer = await send(port, head.repeat(100));
    assert.equal(answer.match(/^HTTP\/1\.1 /gm)?.length, 1, answer);
    assert.match(answer, /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/is);
  }
});

test("who holds many connections open, in whatever state, shuts nobody out and is cut off", async (t) => {
  const { agent, port } = await serve(t);
  const open = new Set<Socket>();
  t.after(() => {
    for (const socket of open) socket.destroy();
  });
  const hold = (sent: string): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => {
        socket.write(sent);
        resolve();
      });
      open.add(socket);
      socket.on("error", () => undefined).once("close", () => open.delete(socket));
    });
  const states = ["", "GET /metr", "GET /metrics HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n"];
  for (let round = 0; round < 100; round++) await Promise.all(states.map(hold));
  const { status, body } = await ask(port, "/metrics");
  assert.equal(status, 200);
  const descriptors = parseMetrics(body).get("process_open_fds") ?? Number.NaN;
  assert.ok(descriptors < 100, `${descriptors} descriptors`);
  await eventually(() => open.size === 0, "every connection closed", 15_000);
  assert.equal(await agent.stop(), 0);
});

test("the port is on loopback alone, unless asked otherwise", async (t) => {
  const inside = await serve(t);
  const loopback = ["0100007F", "00000000000000000000000001000000"];
  const found = listeningAt(inside.port);
  assert.ok(found.includes("0100007F") && found.every((address) => loopback.includes(address)), `${found}`);
  const everywhere = await serve(t, { env: { LOGDNA_METRICS_HOST: "0.0.0.0" } });
  assert.deepEqual(listeningAt(everywhere.port), ["00000000"]);
  // Who asks from elsewhere may do it by any name.
  assert.equal((await ask(everywhere.port, "/metrics", { host: "node-1.example" })).status, 200);
});

test("a web page whose name was made to lead to loopback gets nothing", async (t) => {
  const { port } = await serve(t);
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[x]",
  ])
    assert.equal((await ask(port, "/metrics", { host })).status, 421, host);
  for (const host of ["localhost", `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
    assert.equal((await ask(port, "/metrics", { host })).status, 200, host);
});

test("without the option nothing listens", async (t) => {
  const { agent } = await serve(t, { env: { LOGDNA_METRICS_PORT: undefined } });
  const listening = new Set<string>();
  for (const family of ["tcp", "tcp6"]) {
    for (const line of readFileSync(`/proc/${agent.pid}/net/${family}`, "utf8").split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === "0A") listening.add(fields[9] ?? "");
    }
  }
  const own = readdirSync(`/proc/${agent.pid}/fd`).map((fd) => readlinkSync(`/proc/${agent.pid}/fd/${fd}`));
  assert.deepEqual(
    own.filter((link) => listening.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? "")),
    [],
  );
});

test("health follows the server: not ready while delivery fails, ready again once it works", async (t) => {
  const { place, sink, port } = await serve(t);
  assert.deepEqual((await ask(port, "/health/ready")).body, "ok\n");
  sink.behave((_, response) => {
    response.writeHead(503).end();
    return true;
  });
  writeFileSync(join(place.logs, "a.log"), "one\n");
  const failing = await askUntil(port, "/health/ready", ({ status }) => status === 503);
  assert.equal(failing.body, "delivery fails\n");
  assert.equal((await ask(port, "/health/live")).status, 200);
  assert.equal(parseMetrics((await ask(port, "/metrics")).body).get("logdna_agent_delivery_failing"), 1);
  sink.behave(undefined);
  await askUntil(port, "/health/ready", ({ status }) => status === 200);
  await sink.until(() => sink.texts().includes("one"));
});

test("an agent that is stopping is not ready, and lives until it has stopped", async (t) => {
  const { place, sink, agent, port } = await serve(t, { env: { LOGDNA_SHUTDOWN_TIMEOUT: "20000" } });
  const held = Promise.withResolvers<boolean>();
  sink.behave(() => held.promise);
  t.after(() => held.resolve(false));
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await eventually(() => sink.requests.length > 0, "a request");
  const ended = agent.stop();
  const stopping = await askUntil(port, "/health/ready", ({ status }) => status === 503);
  assert.equal(stopping.body, "stopping\n");
  assert.equal((await ask(port, "/health/live")).status, 200);
  held.resolve(false);
  assert.equal(await ended, 0);
  await assert.rejects(ask(port, "/health/live"), { code: "ECONNREFUSED" });
});

test("a port that is taken is told and costs no line; SIGHUP tries it again", async (t) => {
  const place = makePlace();
  const port = await freePort();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ host: "127.0.0.1", port }, resolve));
  t.after(() => void other.close());
  const { sink, agent } = await serve(t, { place, env: { LOGDNA_METRICS_PORT: String(port) } });
  const { level, message } = await agent.logged(({ event }) => event === "metrics_unavailable");
  assert.equal(level, "error");
  assert.match(message, new RegExp(`127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\): another program has that port`));
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await sink.until(() => sink.texts().includes("one"));
  await new Promise((resolve) => other.close(resolve));
  agent.child.kill("SIGHUP");
  await askUntil(port, "/health/ready", ({ status }) => status === 200);
});

test("SIGHUP moves the port: by a new start where the agent is confined to the old one", async (t) => {
  const place = makePlace();
  const [first, second] = [await freePort(), await freePort()];
  const config = join(place.root, "config.yaml");
  const write = (more: string): void => {
    writeFileSync(config, `log:\n  dirs: [${JSON.stringify(place.logs)}]\n${more}`);
  };
  write(`  metrics_port: ${first}\n`);
  const { agent } = await serve(t, { place, env: { LOGDNA_METRICS_PORT: undefined } });
  assert.equal((await ask(first, "/health/ready")).status, 200);
  write(`  metrics_port: ${second}\n`);
  agent.child.kill("SIGHUP");
  await askUntil(second, "/health/ready", ({ status }) => status === 200);
  await assert.rejects(ask(first, "/health/ready"), { code: "ECONNREFUSED" });
  const told = (name: string): string[] =>
    agent.log().flatMap(({ event, message }) => (event === name ? [message] : []));
  if (told("confined").length > 0) assert.match(told("restart_needed").join(), /needs METRICS_PORT \d+\./);
  else assert.deepEqual(told("restart_needed"), []);
  // What is less than it may do takes no new start.
  const { pid } = agent;
  write("");
  agent.child.kill("SIGHUP");
  await eventually(() => listeningAt(second).length === 0, "the port let go of");
  assert.equal(agent.pid, pid);
});
