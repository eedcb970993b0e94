import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { mountsRefused } from "../src/watch/mounting.ts";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { LAUNCHER } from "./launcher.ts";
import { type Sink, startSink } from "./sink.ts";

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  /** Another name of the place's directory of logs. */
  readonly link: string;
  readonly config: string;
  /** Starts an agent on files that were there before. */
  start(yaml: (link: string) => string, files: Readonly<Record<string, string>>): Promise<AgentProcess>;
}

async function bench(t: TestContext): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const link = join(place.root, "link");
  symlinkSync(place.logs, link);
  const config = join(place.root, "config.yaml");
  return {
    ...{ place, sink, link, config },
    start(yaml, files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(place.logs, name, ".."), { recursive: true });
        writeFileSync(join(place.logs, name), text);
      }
      writeFileSync(config, `log:\n${yaml(link)}`);
      return startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start" } });
    },
  };
}

/** What arrived once a line did that was written behind all others. */
async function textsUpTo(sink: Sink, log: string): Promise<string[]> {
  appendFileSync(log, "the end\n");
  await sink.until(() => sink.texts().includes("the end"), "the end");
  return sink.texts().toSorted();
}

test("exclusions that name a linked log directory as configured count, as do those that name what it leads to", async (t) => {
  const { place, sink, start, link } = await bench(t);
  const yaml = (): string =>
    [
      `  dirs: [${link}]`,
      "  exclude:",
      `    glob: [${link}/secret.log, ${place.logs}/real.log, '${link}/private/**']`,
      `    regex: ['^${link}/sub/.*secret']`,
    ].join("\n");
  const files = {
    ...{ "secret.log": "secret 1\n", "real.log": "secret 2\n", "sub/a-secret.log": "secret 3\n" },
    ...{ "private/deep/a.log": "secret 4\n", "open.log": "open\n" },
  };
  const agent = await start(yaml, files);
  assert.deepEqual(await textsUpTo(sink, join(place.logs, "open.log")), ["open", "the end"]);
  assert.deepEqual([...new Set(sink.lines().map(({ file }) => file))], [join(place.logs, "open.log")]);
  const resolved = await agent.logged(({ event }) => event === "root_resolved");
  assert.deepEqual([resolved.level, resolved.given, resolved.path], ["info", link, place.logs]);
});

test("the exclusions of the defaults count where /var/log is a link", { skip: mountsRefused() }, async (t) => {
  const { place, sink } = await bench(t);
  writeFileSync(join(place.root, "config.yaml"), "log:\n  include:\n    glob: ['*']\n");
  mkdirSync(join(place.logs, "sa"));
  for (const name of ["wtmp", "sarnames.log", "sa/a.log"]) writeFileSync(join(place.logs, name), "excluded\n");
  writeFileSync(join(place.logs, "a.log"), "included\n");
  const script = 'mount -t tmpfs none /var && ln -s "$0" /var/log && exec "$@"';
  const wrapper = ["unshare", "--mount", "sh", "-c", script, place.logs];
  await startedAgent(t, { place, port: sink.port, wrapper, env: { LOGDNA_LOOKBACK: "start" } });
  assert.deepEqual(await textsUpTo(sink, join(place.logs, "a.log")), ["included", "the end"]);
});

test("a log directory under a link ships what the inclusions name by the link, and nothing else", async (t) => {
  const { place, sink, start } = await bench(t);
  const yaml = (link: string): string =>
    [
      `  dirs: [${link}/app]`,
      "  include:",
      `    glob: ['${link}/app/*.out']`,
      "  exclude:",
      `    glob: ['${link}/app/secret*']`,
    ].join("\n");
  const files = { "app/a.out": "included\n", "app/secret.out": "secret\n", "other.out": "other\n" };
  await start(yaml, files);
  assert.deepEqual(await textsUpTo(sink, join(place.logs, "app/a.out")), ["included", "the end"]);
});

test("entries of log.rules that name a linked log directory as configured redact, join and tell the fields", async (t) => {
  const { place, sink, start, link, config } = await bench(t);
  const yaml = (): string =>
    [
      `  dirs: [${link}/app]`,
      "  rules:",
      `    - path: '${link}/**'`,
      "      line_redact_regex: ['pw=\\S+']",
      "      app: shop",
      `    - path: '${link}/app/a.log'`,
      "      multiline: [java]",
    ].join("\n");
  const trace = "java.lang.IllegalStateException: no\n\tat a.b.C.d(C.java:1)";
  await start(yaml, { "app/a.log": `pw=hunter2\n${trace}\nafter\n` });
  const log = join(place.logs, "app/a.log");
  appendFileSync(log, "the end\n");
  await sink.until(() => sink.texts().includes("the end"), "the end");
  assert.deepEqual(sink.texts(), ["[REDACTED]", trace, "after", "the end"]);
  assert.deepEqual([...new Set(sink.lines().map(({ app }) => app))], ["shop"]);

  for (const file of [log, join(link, "app/a.log")]) {
    const { stdout, stderr, status } = spawnSync(LAUNCHER, ["preview", "--json", "-c", config, file], {
      env: { PATH: process.env.PATH },
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /"\[REDACTED\]"/);
    assert.match(stdout, /"app":"shop"/);
  }
});

test("a preview tells of files of a linked log directory what the rules in its configured name make of them", async (t) => {
  const { place, link, config } = await bench(t);
  writeFileSync(config, `log:\n  dirs: [${link}]\n  exclude:\n    glob: [${link}/secret.log]\n`);
  const log = join(place.logs, "secret.log");
  writeFileSync(log, "secret\n");
  const { stdout, stderr } = spawnSync(LAUNCHER, ["preview", "-c", config, log], {
    env: { PATH: process.env.PATH },
    encoding: "utf8",
  });
  assert.match(stdout + stderr, /it matches log\.exclude\.glob/);
});
