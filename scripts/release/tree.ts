import {
  chmodSync,
  copyFileSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { installedLauncher } from "./launcher.ts";
import type { NodeFiles } from "./target.ts";

export interface TreeInputs {
  /** The checkout. */
  readonly root: string;
  /** What `npm run bundle` made. */
  readonly bundle: string;
  readonly node: NodeFiles;
  readonly bill: string;
  readonly licences: string;
  /** The time of every file, in seconds since the epoch. */
  readonly epoch: number;
}

const DOC = "share/doc/logdna-agent";
const PLIST = "com.logdna.logdna-agent.plist";

/** Lays out what is the same in every package: the launcher, the program with its Node, and its papers. */
export function makeTree(prefix: string, { root, bundle, node, bill, licences }: TreeInputs): void {
  const put = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), text, { mode });
  };
  put("bin/logdna-agent", installedLauncher(readFileSync(join(root, "bin/logdna-agent"), "utf8")), 0o755);
  mkdirSync(join(prefix, "lib/logdna-agent/bin"), { recursive: true });
  cpSync(bundle, join(prefix, "lib/logdna-agent"), { recursive: true });
  copyFileSync(node.program, join(prefix, "lib/logdna-agent/bin/node"));
  chmodSync(join(prefix, "lib/logdna-agent/bin/node"), 0o755);
  put(`${DOC}/copyright`, readFileSync(join(root, "LICENSE"), "utf8"));
  put(`${DOC}/node-LICENSE`, readFileSync(node.licence, "utf8"));
  put(`${DOC}/libraries-LICENSE`, licences);
  put(`${DOC}/sbom.cdx.json`, bill);
  // For systems of other kinds.
  for (const name of ["systemd/logdna-agent.service", "systemd/logdna-agent.sysusers", "sysvinit/logdna-agent.init"])
    put(`${DOC}/${basename(name)}`, readFileSync(join(root, "packaging", name), "utf8"));
  put(`${DOC}/${PLIST}`, readFileSync(join(root, "packaging/launchd", PLIST), "utf8"));
  for (const name of ["install.md", "configuration.md", "security.md", "limits.md"])
    put(`${DOC}/${name}`, readFileSync(join(root, "docs", name), "utf8"));
}

/** Adds what a system with systemd has beside it. @param units where its units are. */
export function addService(tree: string, packaging: string, units: string): void {
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(tree, to)), { recursive: true });
    copyFileSync(join(packaging, from), join(tree, to));
  };
  copy("systemd/logdna-agent.service", `${units}/logdna-agent.service`);
  copy("systemd/logdna-agent.sysusers", "usr/lib/sysusers.d/logdna-agent.conf");
  mkdirSync(join(tree, "etc/logdna"), { recursive: true });
}

/** Gives everything in a tree the same time, and modes that say no more than whether it can be executed. */
export function settle(path: string, epoch: number): void {
  const stat = statSync(path);
  chmodSync(path, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (stat.isDirectory()) for (const name of readdirSync(path)) settle(join(path, name), epoch);
  lutimesSync(path, epoch, epoch);
}
