import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { FileFacts } from "../lines/fields/file_facts.ts";
import { dockerFacts } from "./docker_facts.ts";

interface Bench {
  readonly configuration: string;
  /** Replaces the configuration, as Docker does. */
  write(content: unknown): void;
  /** What is known of the log so many milliseconds later. */
  facts(afterMs?: number): FileFacts | undefined;
}

function bench(t: TestContext, maxLabelBytes = 4096): Bench {
  const directory = mkdtempSync(join(tmpdir(), "docker-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const configuration = join(directory, "config.v2.json");
  let now = 0;
  const factsOf = dockerFacts({ isLog: (path) => path.endsWith("-json.log"), maxLabelBytes, clock: () => now });
  return {
    configuration,
    write(content) {
      writeFileSync(`${configuration}.tmp`, typeof content === "string" ? content : JSON.stringify(content));
      renameSync(`${configuration}.tmp`, configuration);
    },
    facts(afterMs = 10_000) {
      now += afterMs;
      return factsOf(join(directory, "a-json.log"));
    },
  };
}

const WEB = {
  Name: "/web",
  Config: {
    Image: "registry.example.com:5000/shop/web:1.2",
    Labels: { team: "shop", "com.docker.compose.service": "web" },
    Env: ["PASSWORD=hunter2"],
  },
};

test("name, image and labels of a container are those of its configuration, and nothing else is", (t) => {
  const { write, facts } = bench(t);
  write(WEB);
  assert.deepEqual(facts(), {
    app: "web",
    meta: { "Image Name": "registry.example.com:5000/shop/web", Tag: "1.2" },
    label: { team: "shop", "com.docker.compose.service": "web" },
  });
});

test("they are the same object until they change", (t) => {
  const { write, facts } = bench(t);
  write(WEB);
  const first = facts();
  assert.equal(facts(), first);
  write({ ...WEB, Name: "/renamed" });
  assert.equal(facts(1), first, "it is not looked at all the time");
  assert.equal(facts()?.app, "renamed");
});

test("what is known stays when the container is removed, or its configuration cannot be read", (t) => {
  const { write, facts, configuration } = bench(t);
  write(WEB);
  const first = facts();
  rmSync(configuration);
  assert.equal(facts(), first);
  mkdirSync(configuration);
  assert.equal(facts(), first);
});

test("a configuration that comes later counts from then on", (t) => {
  const { write, facts } = bench(t);
  assert.equal(facts(), undefined);
  write(WEB);
  assert.equal(facts()?.app, "web");
});

test("a log of anything else has none", (t) => {
  const { write, configuration } = bench(t);
  write(WEB);
  const factsOf = dockerFacts({ isLog: () => false, maxLabelBytes: 4096 });
  assert.equal(factsOf(join(configuration, "..", "a-json.log")), undefined);
});

test("a link in the place of a configuration is not followed", (t) => {
  const { facts, configuration } = bench(t);
  const other = join(configuration, "..", "other.json");
  writeFileSync(other, JSON.stringify(WEB));
  symlinkSync(other, configuration);
  assert.equal(facts(), undefined);
});

test("hostile configurations give little or nothing", (t) => {
  const { write, facts } = bench(t, 100);
  for (const content of [
    "",
    "{",
    "[]",
    "null",
    '"text"',
    { Name: 7, Config: { Image: {}, Labels: "a" } },
    { Config: { Labels: { a: 1, b: null, c: "x".repeat(200) } } },
    { Name: "/web", padding: "x".repeat(2_000_000) },
  ]) {
    write(content);
    assert.equal(facts(), undefined, JSON.stringify(content).slice(0, 100));
  }
  write({ Name: `/${"n".repeat(5000)}`, Config: { Labels: { "\ud800": "\udc00", ok: "yes", big: "x".repeat(99) } } });
  const { app, label } = facts() ?? {};
  assert.equal(app?.length, 255);
  assert.deepEqual(label, { "\ufffd": "\ufffd", ok: "yes" });
  write('{"Config":{"Labels":{"__proto__":"polluted","constructor":"c"}}}');
  const hostile = facts()?.label;
  assert.deepEqual(Object.entries(hostile ?? {}), [
    ["__proto__", "polluted"],
    ["constructor", "c"],
  ]);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test("labels are as many as there is room for", (t) => {
  const { write, facts } = bench(t);
  write({ Config: { Labels: Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key${n}`, "x"])) } });
  assert.equal(Object.keys(facts()?.label ?? {}).length, 64);
});
