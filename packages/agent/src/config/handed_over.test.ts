import assert from "node:assert/strict";
import { test } from "node:test";
import { changes, secretsOf } from "../commands/config_changes.ts";
import type { Config } from "./config.ts";
import { configFrom, configText } from "./handed_over.ts";
import { loadConfig } from "./load.ts";

const FILE = `
http:
  host: logs.example.com
log:
  dirs: [/srv/logs]
  line_exclusion_regex: ["a{2}", "\\u0000?"]
  redact: [email]
  redact_as: hash
  rules:
    - path: "*.json"
      app: "{{secret}}"
      tags: [a, b]
      line_rate_limit: 12
`;

function configOf(env: Record<string, string>): Config {
  const loaded = loadConfig({
    argv: [],
    env: { MZ_INGESTION_KEY: "key-of-the-test", MZ_CONFIG_FILE: "/config.yaml", ...env },
    version: "1",
    readFile: (path) => {
      if (path === "/config.yaml") return FILE;
      throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    },
    osHostname: () => "host",
  });
  if (loaded.kind !== "run") return assert.fail(loaded.kind === "error" ? loaded.errors.join("\n") : loaded.text);
  return loaded.config;
}

for (const [what, env] of Object.entries({
  "as it is by default": {},
  "with a proxy that takes a password": { https_proxy: "http://user:secret-word@proxy.example:3128" },
  "for OTLP, with headers": { MZ_OUTPUT: "otlp", MZ_HEADERS: "authorization: Bearer other-secret" },
  "with a salt": { MZ_REDACT_SALT: "salt-of-the-test" },
}))
  test(`a configuration ${what} is the same after it was handed over`, () => {
    const config = configOf(env);
    const handed = configFrom(configText(config));
    assert.deepEqual(changes(config, handed), []);
    assert.deepEqual(changes(handed, config), []);
    assert.deepEqual(secretsOf(handed), secretsOf(config));
    assert.ok(secretsOf(handed).includes("key-of-the-test"));
    // Secrets are secrets again: nothing prints them.
    assert.doesNotMatch(JSON.stringify(handed), /key-of-the-test|secret-word|other-secret|salt-of-the-test/);
  });
