import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { ContainerHost, RUNTIME_CHUNK } from "./container_host.ts";
import { eventually, openFiles } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

interface Bench {
  readonly place: Place;
  readonly host: ContainerHost;
  readonly sink: Sink;
  agent(env?: Readonly<Record<string, string>>): Promise<AgentProcess>;
}

async function bench(t: TestContext, more: readonly string[] = [], options?: { excludes: string[] }): Promise<Bench> {
  const place = makePlace();
  const host = new ContainerHost(place);
  host.configure(more, options);
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = (env = {}): Promise<AgentProcess> =>
    startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start", ...env } });
  return { place, host, sink, agent };
}

for (const runtime of ["cri", "docker"] as const) {
  test(`${runtime}: a log ships once, under the name of its link, as the runtime has written it`, async (t) => {
    const { host, sink, agent } = await bench(t);
    const before = host.start("early", { runtime });
    const first = before.write("one");
    await agent();
    await sink.until(() => sink.texts(before.link).length === 1);
    const later = host.start("late", { runtime });
    const second = later.write("two", "stderr");
    const third = before.write("three");
    await sink.until(() => sink.lines().length === 3);
    assert.deepEqual(sink.texts(before.link), [first.trim(), third.trim()]);
    assert.deepEqual(sink.texts(later.link), [second.trim()]);
  });

  test(`${runtime}: a line that the runtime has cut arrives as one`, async (t) => {
    const { host, sink, agent } = await bench(t);
    const web = host.start("web", { runtime });
    await agent();
    const text = `${"x".repeat(RUNTIME_CHUNK)}end`;
    web.part("a", false);
    web.write("between", "stderr");
    web.part("b", true);
    web.write(text);
    web.write("last");
    await sink.until(() => sink.lines().length === 4);
    const shown = sink.texts(web.link).map(textOf);
    assert.deepEqual(shown, ["between", "ab", text, "last"]);
  });

  test(`${runtime}: all lines arrive once and in order over rotations with compression`, async (t) => {
    const { host, sink, agent } = await bench(t);
    const web = host.start("web", { runtime });
    const running = await agent();
    const expected: string[] = [];
    const write = (lines: number): void => {
      let text = "";
      for (let n = 0; n < lines; n += 1) {
        const line = web.lineOf(`line ${expected.length}`);
        expected.push(line.trim());
        text += line;
      }
      appendFileSync(web.log, text);
    };
    for (let rotation = 0; rotation < 4; rotation += 1) {
      write(500);
      web.rotate();
      write(10);
      // What was read is compressed next time, and what was not must be found there.
      if (rotation % 2 === 0) await sink.until(() => sink.lines().length >= expected.length);
    }
    await sink.until(() => sink.lines().length >= expected.length);
    assert.deepEqual(sink.texts(web.link), expected);
    // Rotated twice while nobody looks: one of both is compressed.
    await running.stop();
    write(20);
    web.rotate();
    write(20);
    web.rotate();
    write(20);
    await agent();
    await sink.until(() => sink.lines().length >= expected.length);
    // The form that is not compressed may come before the one that is.
    assert.deepEqual(sink.texts(web.link).sort(), expected.toSorted());
  });

  test(`${runtime}: what a deleted pod has logged arrives, also with the server away and after a restart`, async (t) => {
    const { place, host, sink, agent } = await bench(t);
    const running = await agent();
    sink.behave((_request, response) => {
      response.statusCode = 503;
      response.end();
      return true;
    });
    const web = host.start("short", { runtime });
    const expected = Array.from({ length: 1000 }, (_, n) => web.write(`line ${n}`).trim());
    await eventually(() => openFiles(running.pid, place.root).some((path) => path === web.log), "the log is open");
    const { size } = statSync(web.log);
    web.remove();
    const isCopied = ({ event, path, end }: { event?: string; path?: unknown; end?: unknown }): boolean =>
      event === "segment_written" && path === web.log && end === size;
    await running.logged(isCopied, "all of the log in the spool");
    await running.stop("SIGKILL");
    sink.behave(undefined);
    await agent();
    await sink.until(() => sink.lines().length >= expected.length);
    assert.deepEqual(sink.texts(web.link), expected);
    assert.equal(sink.lines().length, expected.length);
  });
}

test("a pod that logs, ends and is deleted within a moment is shipped whole", async (t) => {
  const { host, sink, agent } = await bench(t);
  const running = await agent();
  const pods = Array.from({ length: 50 }, (_, n) => host.start(`pod-${n}`));
  for (const pod of pods) for (let n = 0; n < 20; n += 1) pod.write(`line ${n}`);
  const found = (): number => running.log().filter(({ event }) => event === "file_found").length;
  await eventually(() => found() === pods.length, "all of them are found");
  for (const pod of pods) pod.remove();
  await sink.until(() => sink.lines().length === 1000);
  for (const pod of pods) assert.equal(sink.texts(pod.link).length, 20);
});

test("a log that several directories lead to is shipped once, under its link", async (t) => {
  const { host, sink, agent } = await bench(t, [], { excludes: [] });
  const cri = host.start("one");
  const docker = host.start("two", { runtime: "docker" });
  const expected = [cri.write("one"), docker.write("two")].map((line) => line.trim());
  const running = await agent();
  await sink.until(() => sink.lines().length >= 2);
  await running.stop();
  assert.deepEqual(
    sink
      .lines()
      .map(({ file }) => file)
      .sort(),
    [cri.link, docker.link].sort(),
  );
  assert.deepEqual(sink.texts().sort(), expected.sort());
});

test("rules on paths and lines know a container's log by its link", async (t) => {
  const { host, sink, agent } = await bench(t, [
    `rules: [{path: "*/containers/web*", app: shop, line_exclusion_regex: [secret]}]`,
  ]);
  const web = host.start("web");
  const other = host.start("noise");
  web.write("a secret");
  const line = web.write("plain");
  other.write("noise");
  const running = await agent({ LOGDNA_EXCLUSION_RULES: `${host.links}/noise*` });
  await sink.until(() => sink.lines().length >= 1);
  await running.stop();
  assert.deepEqual(
    sink.lines().map(({ line: text, app, file }) => [text, app, file]),
    [[line.trim(), "shop", web.link]],
  );
});

test("parsed, lines have the container's text and time, and the stream in meta", async (t) => {
  const { host, sink, agent } = await bench(t, ["container_lines: parsed", "line_redact_regex: [s.cret]"]);
  const cri = host.start("one");
  const docker = host.start("two", { runtime: "docker" });
  for (const container of [cri, docker]) {
    container.write('say "grün" secret', "stderr");
    container.part("a", false);
    container.part("b", true);
    container.write("");
  }
  await agent();
  await sink.until(() => sink.lines().length === 4);
  const at = Date.UTC(2026, 0, 2, 3, 4, 5);
  for (const { link } of [cri, docker])
    assert.deepEqual(
      sink.lines().flatMap(({ file, line, timestamp, meta }) => (file === link ? [{ line, timestamp, meta }] : [])),
      [
        { line: 'say "grün" [REDACTED]', timestamp: at + 1, meta: { stream: "stderr" } },
        { line: "ab", timestamp: at + 2, meta: { stream: "stdout" } },
      ],
    );
});

test("on a host with Docker alone, lines have the name, the image and the labels of their container", async (t) => {
  const { host, sink, agent } = await bench(t);
  const web = host.start("web", { runtime: "docker" });
  // No kubelet has linked it.
  rmSync(host.links, { recursive: true });
  rmSync(host.pods, { recursive: true });
  const configuration = join(host.docker, web.id, "config.v2.json");
  const configure = (name: string): void => {
    const content = {
      Name: name,
      Config: { Image: "nginx:1.27", Labels: { team: "shop" }, Env: ["PASSWORD=hunter2"] },
    };
    writeFileSync(`${configuration}.tmp`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${configuration}.tmp`, configuration);
  };
  configure("/web");
  const line = web.write("one");
  await agent({ LOGDNA_LOG_DIRS: host.docker, LOGDNA_META_ENV: "prod" });
  await sink.until(() => sink.lines().length === 1);
  const [first] = sink.lines();
  const { timestamp, ...rest } = first ?? assert.fail();
  assert.equal(typeof timestamp, "number");
  assert.deepEqual(rest, {
    line: line.trim(),
    file: web.log,
    app: "web",
    env: "prod",
    meta: { "Image Name": "nginx", Tag: "1.27" },
    label: { team: "shop" },
  });
  configure("/renamed");
  await eventually(() => {
    web.write("more");
    return sink.lines().some(({ app }) => app === "renamed");
  }, "a line with the new name");
  assert.ok(!JSON.stringify(sink.lines()).includes("hunter2"));
});

test("killed while a line goes on, the agent ships it whole after the restart", async (t) => {
  const { host, sink, agent } = await bench(t);
  const web = host.start("web");
  const running = await agent();
  const first = web.write("first").trim();
  await sink.until(() => sink.lines().length === 1);
  web.part("be", false);
  web.write("err", "stderr");
  await running.stop("SIGKILL");
  web.part("gun", true);
  await agent();
  await sink.until(() => sink.lines().length >= 3);
  assert.equal(sink.texts()[0], first);
  assert.deepEqual(sink.texts().map(textOf), ["first", "err", "begun"]);
});

test("what does not go on for a second is shipped as far as it is there", async (t) => {
  const { host, sink, agent } = await bench(t);
  const web = host.start("web");
  await agent();
  const cut = web.part("prompt> ", false).slice(0, -1);
  await sink.until(() => sink.lines().length === 1);
  assert.deepEqual(sink.texts(), [cut]);
});

test("links lead to no secrets beside a log, and from no other directory to a log outside of the log directories", async (t) => {
  const { place, host, sink, agent } = await bench(t);
  const web = host.start("web", { runtime: "docker" });
  const line = web.write("public").trim();
  const secrets = join(host.docker, web.id, "config.v2.json");
  writeFileSync(secrets, '{"Config":{"Env":["PASSWORD=hunter2"]}}\n');
  const outside = join(place.root, "shadow.log");
  writeFileSync(outside, "root:hunter2\n");
  const app = join(place.logs, "app");
  mkdirSync(app);
  symlinkSync(secrets, join(host.links, "a_b_c-d.log"));
  symlinkSync(outside, join(host.links, "e_f_g-h.log"));
  symlinkSync(secrets, join(app, "config.log"));
  symlinkSync(web.log, join(app, "log.log"));
  symlinkSync(join(host.docker, web.id), join(app, "directory"));
  writeFileSync(join(app, "ready.log"), "ready\n");
  const running = await agent();
  await sink.until(() => sink.lines().length >= 2);
  rmSync(join(app, "config.log"));
  symlinkSync(web.log, join(app, "config.log"));
  writeFileSync(join(app, "later.log"), "later\n");
  await sink.until(() => sink.texts().includes("later"));
  await running.stop();
  assert.deepEqual(sink.texts().sort(), ["later", "ready", line].sort());
});

/** What the container has written. */
function textOf(line: string): string {
  if (!line.startsWith("{")) return line.replace(/^\S+ \S+ F /, "");
  const { log } = JSON.parse(line) as { log: string };
  return log.trimEnd();
}
