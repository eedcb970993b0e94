import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { NODE_FLAGS } from "../../packages/agent/src/commands/small_memory.ts";
import type { Architecture } from "./architecture.ts";
import { librariesOf } from "./libraries.ts";
import { run } from "./run.ts";
import { billOfMaterials, type Component } from "./sbom.ts";

export interface RootfsInputs {
  /** The checkout. */
  readonly root: string;
  /** What `npm run bundle` made. */
  readonly bundle: string;
  readonly architecture: Architecture;
  /** The name of the architecture. */
  readonly arch: string;
  /** Node for it. */
  readonly node: string;
  /** The root of a Debian system for it, with the libraries and the certificate authorities. */
  readonly sysroot: string;
}

/** The user that the image has for an agent that is not to run as root. */
const USER = 10_001;
/** Where the program is, and the variables that say so to none but the start of it. */
const PROGRAM = "usr/lib/logdna-agent";
const MAIN = `/${PROGRAM}/agent/main.mjs`;
/** As in `bin/logdna-agent`. */
const FLAGS = ["--disable-warning=ExperimentalWarning", ...NODE_FLAGS];
/** What a container of the image executes. There is no shell in it. */
export const ENTRYPOINT = ["/usr/bin/node", ...FLAGS, MAIN];
/** Packages of Debian that files come from. */
const DEBIAN = ["libc6", "libgcc-s1", "libstdc++6", "libatomic1", "ca-certificates"];

/** Directories with their modes. The empty ones are for what a container mounts there. */
const DIRECTORIES: readonly (readonly [path: string, mode: number])[] = [
  ...["dev", "etc", "etc/logdna", "etc/ssl", "etc/ssl/certs", "proc", "run", "sys", "usr", "usr/bin", "usr/lib"].map(
    (path) => [path, 0o755] as const,
  ),
  ...["usr/share", "usr/share/doc", "usr/share/doc/logdna-agent", "usr/share/sbom", "var", "var/lib", "var/log"].map(
    (path) => [path, 0o755] as const,
  ),
  ["var/lib/logdna", 0o700],
  ["tmp", 0o1777],
];

/** Makes everything that is in the image, in an empty directory: the program, Node with its libraries, authorities, two users. */
export function makeRootfs(directory: string, inputs: RootfsInputs): void {
  const { root, bundle, architecture, arch, node, sysroot } = inputs;
  const at = (path: string): string => join(directory, path);
  for (const [path, mode] of DIRECTORIES) {
    mkdirSync(at(path), { recursive: true });
    chmodSync(at(path), mode);
  }
  symlinkSync("usr/lib", at("lib"));
  const put = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(at(path)), { recursive: true, mode: 0o755 });
    writeFileSync(at(path), text);
    chmodSync(at(path), mode);
  };
  const copy = (from: string, to: string, mode = 0o644): void => {
    mkdirSync(dirname(at(to)), { recursive: true, mode: 0o755 });
    copyFileSync(from, at(to));
    chmodSync(at(to), mode);
  };

  // Its symbols are of no use to a program in JavaScript, and a quarter of the image.
  run("binutils", stripFor(architecture, arch), "--strip-all", "-o", at("usr/bin/node"), node);
  chmodSync(at("usr/bin/node"), 0o755);
  // For a user that is not root and was given the one capability: only a file can carry it over execve(2), and Kubernetes makes no
  // capability ambient. Not effective by itself, since a kernel then refuses to execute it where it was not given.
  run("libcap2-bin", "setcap", "cap_dac_read_search+p", at("usr/bin/node"));

  const libraries = librariesOf(node, architecture, sysroot);
  const loaderName = basename(architecture.loader);
  for (const [name, path] of libraries) if (name !== loaderName) copy(path, `usr/lib/${architecture.triplet}/${name}`);
  // Not by the path that the executables have of it: that is an absolute link in Debian, and would lead out of the other root.
  const loader = libraries.get(loaderName);
  if (loader === undefined) throw new Error(`The libraries below ${sysroot} do not name ${loaderName}.`);
  if (architecture.loader.startsWith("/lib64/")) {
    mkdirSync(at("usr/lib64"), { mode: 0o755 });
    symlinkSync("usr/lib64", at("lib64"));
  }
  copy(loader, join("usr", architecture.loader), 0o755);

  cpSync(bundle, at(PROGRAM), { recursive: true });
  // What was made for the bundle was made for its maker alone.
  chmodSync(at(PROGRAM), 0o755);
  // So that `logdna-agent status` is a command in a container, too, although no shell is there to start it.
  put(MAIN.slice(1), `#!/usr/bin/node ${FLAGS[0]}\n${readFileSync(join(bundle, "agent/main.mjs"), "utf8")}`, 0o755);
  symlinkSync(join("../..", MAIN), at("usr/bin/logdna-agent"));

  copy(join(sysroot, "etc/ssl/certs/ca-certificates.crt"), "etc/ssl/certs/ca-certificates.crt");
  symlinkSync("certs/ca-certificates.crt", at("etc/ssl/cert.pem"));
  put(
    "etc/passwd",
    users([
      ["root", 0, "/root"],
      ["logdna-agent", USER, "/nonexistent"],
      ["nobody", 65_534, "/nonexistent"],
    ]),
  );
  put(
    "etc/group",
    groups([
      ["root", 0],
      ["adm", 4],
      ["logdna-agent", USER],
      ["nogroup", 65_534],
    ]),
  );
  put("etc/nsswitch.conf", "hosts: files dns\n");
  const { version } = JSON.parse(readFileSync(join(bundle, "package.json"), "utf8")) as { version: string };
  put("usr/lib/os-release", `ID=logdna-agent\nNAME="logdna-agent"\nVERSION_ID=${version}\n`);
  symlinkSync("../usr/lib/os-release", at("etc/os-release"));

  copy(join(root, "LICENSE"), "usr/share/doc/logdna-agent/LICENSE");
  const licence = [join(dirname(dirname(node)), "LICENSE"), join(dirname(dirname(node)), nodeLicence(architecture))];
  const found = licence.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`Node's LICENSE is not beside ${node}.`);
  copy(found, "usr/share/doc/node/LICENSE");
  for (const name of DEBIAN) copy(join(sysroot, `usr/share/doc/${name}/copyright`), `usr/share/doc/${name}/copyright`);
  put("usr/share/sbom/logdna-agent.cdx.json", billOfMaterials(root, debianComponents(sysroot, arch)));
}

/** The package `node` has its licence in the package of the processor. */
function nodeLicence({ nodePackage }: Architecture): string {
  return `node_modules/${nodePackage}/LICENSE`;
}

function stripFor({ strip }: Architecture, arch: string): string {
  const own = process.arch === "x64" ? "amd64" : process.arch;
  return arch === own ? "strip" : strip;
}

function users(all: readonly (readonly [name: string, id: number, home: string])[]): string {
  return all.map(([name, id, home]) => `${name}:x:${id}:${id}::${home}:/usr/sbin/nologin\n`).join("");
}

function groups(all: readonly (readonly [name: string, id: number])[]): string {
  return all.map(([name, id]) => `${name}:x:${id}:\n`).join("");
}

/** Reads the versions out of the package manager's list: dpkg(1). */
function debianComponents(sysroot: string, arch: string): Component[] {
  const status = readFileSync(join(sysroot, "var/lib/dpkg/status"), "utf8").split("\n\n");
  return DEBIAN.map((name) => {
    const entry = status.find(
      (text) => text.startsWith(`Package: ${name}\n`) && new RegExp(`^Architecture: (?:${arch}|all)$`, "m").test(text),
    );
    const version = /^Version: (.*)$/m.exec(entry ?? "")?.[1];
    if (version === undefined) throw new Error(`The package ${name} is not installed below ${sysroot}.`);
    return { name, version, purl: `pkg:deb/debian/${name.replaceAll("+", "%2B")}@${version}?arch=${arch}` };
  });
}
