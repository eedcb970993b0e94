import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fakeNode, needsTools, output, release } from "./release.ts";

const [X64, ARM64] = [62, 183];

test("two releases of one commit are the same bytes, for both processors, with what they are made of", {
  skip: needsTools,
}, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "releases-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const nodes = ["--node-x64", fakeNode(join(directory, "x64"), X64)];
  nodes.push("--node-arm64", fakeNode(join(directory, "arm64"), ARM64));
  const [one, two] = [join(directory, "one"), join(directory, "two")];
  release(one, nodes, { SOURCE_DATE_EPOCH: "1700000000" });
  // Another time, another place, another user's habits.
  const umask = process.umask(0o077);
  try {
    release(two, nodes, { SOURCE_DATE_EPOCH: "1700000000", TZ: "Asia/Tokyo", LC_ALL: "C", TMPDIR: directory });
  } finally {
    process.umask(umask);
  }
  const names = readdirSync(one).sort();
  assert.deepEqual(names, [
    "SHA256SUMS",
    "install.sh",
    "logdna-agent-0.1.0-1.aarch64.rpm",
    "logdna-agent-0.1.0-1.x86_64.rpm",
    "logdna-agent-0.1.0-linux-arm64.tar.gz",
    "logdna-agent-0.1.0-linux-x64.tar.gz",
    "logdna-agent-0.1.0.cdx.json",
    "logdna-agent_0.1.0_amd64.deb",
    "logdna-agent_0.1.0_arm64.deb",
  ]);
  for (const name of names)
    assert.ok(readFileSync(join(one, name)).equals(readFileSync(join(two, name))), `${name} is the same`);

  const sums = readFileSync(join(one, "SHA256SUMS"), "utf8");
  for (const name of names.filter((other) => other !== "SHA256SUMS"))
    assert.ok(
      sums.includes(
        `${createHash("sha256")
          .update(readFileSync(join(one, name)))
          .digest("hex")}  ${name}\n`,
      ),
    );

  const deb = join(one, "logdna-agent_0.1.0_arm64.deb");
  assert.equal(output("dpkg-deb", "--field", deb, "Architecture").trim(), "arm64");
  const rpm = join(one, "logdna-agent-0.1.0-1.aarch64.rpm");
  assert.equal(output("rpm", "-qp", "--qf", "%{ARCH} %{BUILDHOST} %{BUILDTIME}", rpm), "aarch64 localhost 1700000000");
  // Every file of every package belongs to root and to nobody else, and nobody else may write to one.
  const files = output("dpkg-deb", "--contents", deb).trim().split("\n");
  for (const line of files) assert.match(line, /^[d-]rw[x-]r-[x-]r-[x-] root\/root /);

  const bill = JSON.parse(readFileSync(join(one, "logdna-agent-0.1.0.cdx.json"), "utf8")) as {
    bomFormat: string;
    components: { name: string }[];
  };
  assert.equal(bill.bomFormat, "CycloneDX");
  const licences = output(
    "tar",
    "-xOf",
    join(one, "logdna-agent-0.1.0-linux-x64.tar.gz"),
    "--wildcards",
    "*/libraries-LICENSE",
  );
  for (const { name } of bill.components.filter((component) => component.name !== "node"))
    assert.match(licences, new RegExp(`^${name.replaceAll(/[/@.]/g, "\\$&")} \\d`, "m"));
});

test("a release for a processor without its Node says what is missing, and another's is not taken", {
  skip: needsTools,
}, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "releases-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const wrong = fakeNode(directory, X64);
  assert.throws(
    () => release(join(directory, "out"), ["--arch", "arm64", "--node-arm64", wrong]),
    /is no program for arm64 \(ELF machine 62\)/,
  );
  assert.throws(() => release(join(directory, "out"), ["--arch", "sparc"]), /There are no releases for sparc/);
});

test("the install script refuses a package that is not the listed one", { skip: needsTools }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "releases-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  cpSync(join(import.meta.dirname, "../install.sh"), join(directory, "install.sh"));
  const attempt = (): string => spawnSync("sh", [join(directory, "install.sh")], { encoding: "utf8" }).stderr;
  assert.match(attempt(), /does not hold one file logdna-agent_\*_\w+\.deb/);
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const name = `logdna-agent_0.1.0_${arch}.deb`;
  writeFileSync(join(directory, name), "another");
  writeFileSync(join(directory, "SHA256SUMS"), "");
  assert.match(attempt(), /is not the file that SHA256SUMS names/);
  writeFileSync(join(directory, "SHA256SUMS"), `${"0".repeat(64)}  ${name}\n`);
  assert.match(attempt(), /is not the file that SHA256SUMS names/);
});
