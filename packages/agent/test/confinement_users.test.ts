import assert from "node:assert/strict";
import { chmodSync, existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Policy, receiveSecrets } from "@logdna-agent/confinement";
import { bench, NOBODY, openFor, PROGRAM, probe, refused, SETPRIV, succeeded } from "./confinement_bench.ts";

test("without the capability nothing is left, and what root alone may read is not read", {
  skip: refused,
}, async (t) => {
  const { input, place } = await bench(t);
  chmodSync(place.root, 0o755);
  const { report } = await probe(t, { ...input, policy: { ...input.policy, keepCapability: false } });
  assert.equal(report.results.readRootLog, "EACCES");
  assert.deepEqual(succeeded(report), []);
  for (const { capabilities } of report.threads) assert.deepEqual(Object.values(capabilities).flat(), []);
});

test("a program of the policy can be executed, and no other", { skip: refused }, async (t) => {
  const { input } = await bench(t);
  const { report } = await probe(t, { ...input, policy: { ...input.policy, programs: [PROGRAM] } });
  assert.equal(report.results.spawnShell, "EACCES");
  assert.deepEqual(succeeded(report).sort(), ["execute", "signalGroup", "spawnProgram"]);
});

test("an ordinary user keeps its id, gives up what it can, and is told what it cannot", {
  skip: refused,
}, async (t) => {
  const { input, place } = await bench(t);
  openFor(place);
  const policy: Policy = { ...input.policy, mode: "best-effort" };
  const { report } = await probe(t, { ...input, policy }, { uid: NOBODY, gid: NOBODY });
  assert.equal(report.results.readRootLog, "EACCES");
  assert.deepEqual(succeeded(report), []);
  assert.deepEqual(report.confinement.excesses, []);
  const { state, detail } = report.confinement.outcomes.find(({ layer }) => layer === "mounts") ?? {};
  assert.equal(state, "unavailable");
  assert.match(detail ?? "", /EPERM; and .* can be written to/);
});

test("an ordinary user that was given the capability keeps it alone", {
  skip: refused || (existsSync(SETPRIV) ? false : `needs ${SETPRIV}`),
}, async (t) => {
  const { input, place } = await bench(t);
  openFor(place);
  const policy: Policy = { ...input.policy, mode: "best-effort" };
  const given = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search,+chown"];
  const { report } = await probe(t, { ...input, policy }, {}, [
    SETPRIV,
    ...given,
    "--ambient-caps=+dac_read_search,+chown",
  ]);
  assert.equal(report.results.readRootLog, "done");
  assert.deepEqual(succeeded(report), []);
  assert.deepEqual(report.threads[0]?.capabilities.permitted, ["CAP_DAC_READ_SEARCH"]);
  assert.deepEqual(report.threads[0]?.capabilities.inheritable, ["CAP_DAC_READ_SEARCH"]);
});

test("root without any capability stays root by number, and is told so", {
  skip: refused || (existsSync(SETPRIV) ? false : `needs ${SETPRIV}`),
}, async (t) => {
  const { input } = await bench(t);
  const policy: Policy = { ...input.policy, mode: "best-effort", uid: 0, gid: 0 };
  const dropped = [SETPRIV, "--bounding-set=-all", "--inh-caps=-all"];
  const { report } = await probe(t, { ...input, policy }, {}, dropped);
  assert.deepEqual(report.threads[0]?.capabilities.permitted, []);
  assert.match(report.confinement.outcomes.find(({ layer }) => layer === "capabilities")?.detail ?? "", /stays uid 0/);
  assert.deepEqual(succeeded(report), []);
});

test("where a layer is required and cannot be had, nothing is started", { skip: refused }, async (t) => {
  const { input, place } = await bench(t);
  openFor(place);
  await assert.rejects(
    probe(t, input, { uid: NOBODY, gid: NOBODY }),
    /The layer "mounts" of the confinement is required, but unavailable: .*set its confinement to best-effort/,
  );
});

test("off means that nothing is done", { skip: refused }, async (t) => {
  const { input } = await bench(t);
  await assert.rejects(
    probe(t, { ...input, policy: { ...input.policy, mode: "off" } }),
    /not confined: it is switched off/,
  );
});

test("a directory that became a link after the policy was made gets no rule", { skip: refused }, async (t) => {
  const { input, place } = await bench(t);
  const planted = join(place.root, "planted");
  symlinkSync("/root", planted);
  const policy: Policy = { ...input.policy, readable: [...input.policy.readable, planted] };
  const { report } = await probe(t, { ...input, policy });
  assert.equal(report.results.listRoot, "EACCES");
  const { gaps } = report.confinement.outcomes.find(({ layer }) => layer === "landlock") ?? {};
  assert.ok(gaps?.includes(`nothing is granted at ${planted}, which has become a link`));
});

test("a descriptor that is no handover is refused", () => {
  assert.throws(() => receiveSecrets({ LOGDNA_CONFINED_FD: "0" }), /descriptor 0 is something else/);
  assert.throws(() => receiveSecrets({ LOGDNA_CONFINED_FD: "-1" }), /LOGDNA_CONFINED_FD is set/);
  assert.equal(receiveSecrets({}), undefined);
  const env = { LOGDNA_CONFINED_FD: "0" };
  assert.throws(() => receiveSecrets(env));
  assert.deepEqual(env, {}, "the number is of use once");
});
