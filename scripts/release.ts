/**
 * `npm run release [-- DIRECTORY]`: what is released, from this checkout alone: for each processor a tarball, a package for Debian and
 * one for RPM, and beside them the bill of materials, the script that installs them, and SHA256SUMS. The same commit on the same
 * Debian gives the same bytes. By default in `dist/release`.
 *
 *   --arch NAME       x64 or arm64; by default both, as far as Node is there for them
 *   --node-x64 FILE, --node-arm64 FILE   Node for that processor; by default that of its npm package
 *   --fast            compress little, to try it
 *
 * Needs dpkg, rpm (rpmbuild) and tar. How to sign it: docs/install.md.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleAgent } from "./bundle_agent.ts";
import { billOfMaterials } from "./image/sbom.ts";
import { makeDeb } from "./release/deb.ts";
import { licencesOf } from "./release/licences.ts";
import { makeRpm } from "./release/rpm.ts";
import { makeTarball } from "./release/tarball.ts";
import { type NodeFiles, nodeFor, TARGETS, type Target } from "./release/target.ts";
import { addService, makeTree, settle } from "./release/tree.ts";
import { timeOfRelease } from "./time_of_release.ts";

const root = join(import.meta.dirname, "..");
const packaging = join(root, "packaging");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    arch: { type: "string" },
    "node-x64": { type: "string" },
    "node-arm64": { type: "string" },
    fast: { type: "boolean", default: false },
  },
});
const { version } = JSON.parse(readFileSync(join(root, "packages/agent/package.json"), "utf8")) as { version: string };
const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  devDependencies: { node: string };
};
const directory = resolve(positionals[0] ?? join(root, "dist/release"));
const epoch = timeOfRelease(root);
// What programs are started here use it, too: https://reproducible-builds.org/specs/source-date-epoch.
process.env.SOURCE_DATE_EPOCH = String(epoch);
const chosen = TARGETS.filter(({ node }) => values.arch === undefined || values.arch === node);
if (chosen.length === 0) fail(`There are no releases for ${values.arch}: x64 and arm64 are there.`);
const targets = chosen.flatMap((target): { target: Target; node: NodeFiles }[] => {
  const node = nodeFor(target, values[`node-${target.node}`], devDependencies.node);
  if (typeof node !== "string") return [{ target, node }];
  if (values.arch !== undefined || values[`node-${target.node}`] !== undefined) fail(node);
  process.stderr.write(`${node} It is left out.\n`);
  return [];
});

rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "release-"));
try {
  const bundle = join(work, "bundle");
  bundleAgent(bundle);
  const bill = billOfMaterials(root, []);
  const shared = { root, bundle, bill, licences: licencesOf(root, bill), epoch };
  for (const { target, node } of targets) {
    const at = (name: string): string => join(work, target.node, name);
    const isFast = values.fast;
    const name = `logdna-agent-${version}-linux-${target.node}`;
    makeTree(at(`tar/${name}`), { ...shared, node });
    settle(at(`tar/${name}`), epoch);
    makeTarball(join(directory, `${name}.tar.gz`), at("tar"), name, epoch, isFast);
    const common = { packaging, target, version, epoch, isFast };
    makeTree(at("rpm/usr"), { ...shared, node });
    addService(at("rpm"), packaging, "usr/lib/systemd/system");
    settle(at("rpm"), epoch);
    makeRpm(join(directory, `logdna-agent-${version}-1.${target.rpm}.rpm`), at("build"), {
      ...common,
      tree: at("rpm"),
    });
    makeTree(at("deb/usr"), { ...shared, node });
    // Where packages of the agent before have it, so that it is replaced and not removed with them.
    addService(at("deb"), packaging, "lib/systemd/system");
    makeDeb(join(directory, `logdna-agent_${version}_${target.debian}.deb`), { ...common, tree: at("deb") });
    rmSync(join(work, target.node), { recursive: true });
  }
  writeFileSync(join(directory, `logdna-agent-${version}.cdx.json`), bill);
} finally {
  rmSync(work, { recursive: true, force: true });
}
copyFileSync(join(packaging, "install.sh"), join(directory, "install.sh"));
chmodSync(join(directory, "install.sh"), 0o755);
const sums = readdirSync(directory)
  .sort()
  .map(
    (name) =>
      `${createHash("sha256")
        .update(readFileSync(join(directory, name)))
        .digest("hex")}  ${name}\n`,
  );
writeFileSync(join(directory, "SHA256SUMS"), sums.join(""));
process.stdout.write(sums.join(""));

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
