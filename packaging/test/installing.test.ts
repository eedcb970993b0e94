import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { before, test } from "node:test";
import { shipsALine } from "./installed_agent.ts";
import { needsTools, release } from "./release.ts";
import { needsOverlay, type SystemRoot, systemRoot } from "./system_root.ts";

const skip = needsTools || needsOverlay() || (existsSync("/usr/bin/setpriv") ? false : "needs setpriv");

const DOCUMENT = join(import.meta.dirname, "../../docs/install.md");
const directory = mkdtempSync(join(tmpdir(), "release-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));

/** The one file of the release with such a name. */
function released(pattern: string): string {
  const [path = "", ...others] = globSync(join(directory, "release", pattern));
  assert.ok(path !== "" && others.length === 0, pattern);
  return path;
}

before(() => {
  if (skip === false) release(join(directory, "release"), ["--arch", process.arch]);
});

/** As Debian calls it. */
const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;

const CONFIGURATION = [
  ["/etc/logdna.env", "LOGDNA_INGESTION_KEY=key-of-the-service\n"],
  ["/etc/logdna/config.yaml", "log:\n  dirs: [/var/log]\n"],
  ["/etc/logdna.conf", "tags = from-the-first-version\n"],
] as const;

/** What a host has whose agent is of an earlier version: its configuration, and its database, which is not read. */
function configure(system: SystemRoot): void {
  for (const [path, text] of CONFIGURATION) system.write(path, text, 0o600);
  system.write("/var/lib/logdna/agent_state.db/CURRENT", "MANIFEST-000001\n");
}

function assertConfigured(system: SystemRoot): void {
  for (const [path, text] of CONFIGURATION) assert.equal(system.read(path), text);
}

/** A package with the name, the files and the scripts of an agent that this one takes the place of. */
function earlierDeb(version: string, files: Readonly<Record<string, string>>, conffiles: readonly string[]): string {
  const tree = mkdtempSync(join(directory, "earlier-"));
  chmodSync(tree, 0o755);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(tree, path, ".."), { recursive: true });
    writeFileSync(join(tree, path), text, { mode: 0o755 });
  }
  mkdirSync(join(tree, "DEBIAN"));
  const control = [
    "Package: logdna-agent",
    `Version: ${version}`,
    `Architecture: ${ARCHITECTURE}`,
    "Maintainer: n <n@localhost>",
  ];
  writeFileSync(join(tree, "DEBIAN/control"), `${[...control, "Description: earlier"].join("\n")}\n`);
  writeFileSync(join(tree, "DEBIAN/conffiles"), conffiles.map((path) => `${path}\n`).join(""));
  const file = `${tree}.deb`;
  execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "--build", tree, file], { stdio: "pipe" });
  return file;
}

/**
 * Does what docs/install.md says under a heading, in a directory with the release. Of the service manager, which does not run
 * there, it is seen only what it is asked for.
 */
function follow(system: SystemRoot, heading: string, others: Readonly<Record<string, string>>): string[] {
  const section = readFileSync(DOCUMENT, "utf8").split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const [, commands] = /```sh\n(.*?)```/s.exec(section) ?? [];
  assert.ok(commands !== undefined, heading);
  for (const file of ["*.deb", "*.rpm", "*.tar.gz", "*.json", "install.sh", "SHA256SUMS"].map(released))
    cpSync(file, join(system.path, "root/release", basename(file)));
  system.write("/root/release/key.txt", "key-of-the-service\n", 0o600);
  const stubs = { sudo: 'exec "$@"', systemctl: 'echo "$@" >>/asked', ...others };
  for (const [name, text] of Object.entries(stubs)) system.write(`/stubs/${name}`, `#!/bin/sh\n${text}\n`, 0o755);
  system.write("/asked", "");
  system.run("sh", "-ec", `PATH=/stubs:$PATH; cd /root/release\n${commands}`);
  return system.read("/asked").trim().split("\n");
}

function put(system: SystemRoot, file: string): string {
  const name = `/root/${basename(file)}`;
  cpSync(file, join(system.path, name));
  return name;
}

/** The version and the state of the package, as dpkg(1) knows them. */
function installed(system: SystemRoot): string {
  const text = system.run("dpkg", "-s", "logdna-agent");
  return [/^Version: (.*)$/m, /^Status: (.*)$/m].map((field) => field.exec(text)?.[1]).join(" ");
}

test("the Debian package takes the place of the agents before it, ships, and leaves what it should", {
  skip,
}, async (t) => {
  const system = await systemRoot(t);
  const unit = "/lib/systemd/system/logdna-agent.service";
  const first = { "usr/bin/logdna-agent": "1", "etc/init.d/logdna-agent": "1", "etc/logrotate.d/logdna-agent": "1" };
  system.run(
    "dpkg",
    "-i",
    put(system, earlierDeb("1.6.5", first, ["/etc/init.d/logdna-agent", "/etc/logrotate.d/logdna-agent"])),
  );
  const second = { "usr/bin/logdna-agent": "2", [unit.slice(1)]: "[Service]\nExecStart=/usr/bin/logdna-agent\n" };
  system.run("dpkg", "-i", put(system, earlierDeb("3.10.0", second, [])));
  configure(system);

  follow(system, "Verify", {});
  const asked = follow(system, "Debian, Ubuntu", {});
  assert.deepEqual(asked.slice(-2), ["restart logdna-agent", "status logdna-agent"]);
  assert.equal(system.read("/etc/credstore/logdna-agent.ingestion-key"), "key-of-the-service\n");
  assert.equal(installed(system), "1:0.1.0 install ok installed");
  assert.match(system.read(unit), /^Type=notify$/m);
  // What the first version left.
  for (const path of Object.keys(first).slice(1)) assert.ok(!system.has(path), path);
  assert.match(system.read("/etc/passwd"), /^logdna-agent:x:\d+:\d+:[^:]*:\/nonexistent:\/usr\/sbin\/nologin$/m);
  assert.equal(system.run("dpkg", "--verify", "logdna-agent"), "");
  assertConfigured(system);
  await shipsALine(t, system);

  // Again, as for the next version.
  system.run("dpkg", "-i", put(system, released("*.deb")));
  system.run("dpkg", "-r", "logdna-agent");
  for (const path of ["/usr/bin/logdna-agent", "/usr/lib/logdna-agent", unit]) assert.ok(!system.has(path), path);
  assert.ok(system.has("/var/lib/logdna/state.sqlite"));
  assertConfigured(system);
  system.run("dpkg", "-P", "logdna-agent");
  assert.ok(!system.has("/var/lib/logdna"));
  assertConfigured(system);
  assert.equal(system.run("sh", "-c", "dpkg -l logdna-agent 2>/dev/null | grep -c '^[a-z]i' || true").trim(), "0");
});

test("the RPM package takes the place of the agent before it, ships, and leaves what it should", {
  skip,
}, async (t) => {
  const system = await systemRoot(t);
  const rpm = (...args: readonly string[]): string => system.run("rpm", "--dbpath", "/var/lib/rpm-of-test", ...args);
  rpm("--initdb");
  const spec = join(directory, "earlier.spec");
  const unit = "/lib/systemd/system/logdna-agent.service";
  writeFileSync(
    spec,
    [
      ...[
        "Name: logdna-agent",
        "Version: 3.10.0",
        "Release: 1",
        "Summary: earlier",
        "License: MIT",
        "BuildArch: noarch",
      ],
      ...["%description", "Earlier.", "%install", "mkdir -p %{buildroot}/usr/bin %{buildroot}/lib/systemd/system"],
      ...["echo 2 > %{buildroot}/usr/bin/logdna-agent", `echo '[Service]' > %{buildroot}${unit}`],
      ...["%files", "/usr/bin/logdna-agent", unit, ""],
    ].join("\n"),
  );
  const built = ["-bb", "--quiet", "--define", `_topdir ${join(directory, "rpm")}`, "--define", `_rpmdir ${directory}`];
  execFileSync("rpmbuild", [...built, spec], { stdio: "pipe" });
  // This system's libraries are in no RPM package.
  rpm("-U", "--nodeps", put(system, join(directory, "noarch/logdna-agent-3.10.0-1.noarch.rpm")));
  configure(system);

  // There the script finds no packages of Debian; this system's libraries are in no RPM package.
  system.write("/var/lib/dpkg/status", "");
  const asked = follow(system, "Fedora, RHEL, SUSE", {
    dnf: 'for file; do :; done; exec rpm --dbpath /var/lib/rpm-of-test -U --nodeps "$file"',
  });
  assert.deepEqual(asked.slice(-1), ["enable --now logdna-agent"]);
  assert.equal(rpm("-q", "--qf", "%{EPOCH}:%{VERSION}\n", "logdna-agent"), "1:0.1.0\n");
  assert.match(system.read("/usr/lib/systemd/system/logdna-agent.service"), /^Type=notify$/m);
  assert.match(system.read("/etc/passwd"), /^logdna-agent:x:\d+:\d+:[^:]*:\/nonexistent:\/sbin\/nologin$/m);
  assert.equal(rpm("-V", "--nodeps", "logdna-agent"), "");
  assertConfigured(system);
  await shipsALine(t, system);

  rpm("-e", "logdna-agent");
  for (const path of ["/usr/bin/logdna-agent", "/usr/lib/logdna-agent/agent"]) assert.ok(!system.has(path), path);
  assert.ok(system.has("/var/lib/logdna/state.sqlite"));
  assertConfigured(system);
});

test("the tarball runs where it is unpacked, also through a link", { skip }, (t) => {
  const place = mkdtempSync(join(tmpdir(), "tarball-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  execFileSync("tar", ["-xf", released("*.tar.gz"), "-C", place, "--strip-components=1"]);
  execFileSync("ln", ["-s", join(place, "bin/logdna-agent"), join(place, "link")]);
  for (const program of ["bin/logdna-agent", "link"])
    assert.match(execFileSync(join(place, program), ["--version"], { encoding: "utf8", cwd: "/" }), /0\.1\.0/);
});
