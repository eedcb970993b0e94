/**
 * `npm run image [-- DIRECTORY]`: the agent's container image without a container engine, as `DIRECTORY/rootfs` and as a layout of
 * the Open Container Initiative in `DIRECTORY/oci`; by default in `dist/image`. The same checkout on the same Debian gives the same
 * digest. `skopeo copy oci:dist/image/oci:latest docker://…` pushes it.
 *
 *   --arch NAME      amd64 or arm64; by default that of this machine
 *   --node FILE      Node for that processor; by default the pinned one of this checkout
 *   --sysroot DIR    root of a Debian 12 for that processor, with libstdc++6, libatomic1 and ca-certificates; by default /
 *   --rootfs-only    makes no layout
 *
 * Run it as root, so that Node's file can be given its capability. Needs binutils and libcap2-bin.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleAgent } from "./bundle_agent.ts";
import { ARCHITECTURES, thisArchitecture } from "./image/architecture.ts";
import { writeLayout } from "./image/oci_layout.ts";
import { ENTRYPOINT, makeRootfs } from "./image/rootfs.ts";
import { run } from "./image/run.ts";
import { timeOfRelease } from "./time_of_release.ts";

const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    arch: { type: "string", default: thisArchitecture() },
    node: { type: "string", default: join(root, "node_modules/node/bin/node") },
    sysroot: { type: "string", default: "/" },
    "rootfs-only": { type: "boolean", default: false },
  },
});
const architecture = ARCHITECTURES[values.arch];
if (architecture === undefined) throw new Error(`No image is made for ${values.arch}: amd64 and arm64 are there.`);
const directory = resolve(positionals[0] ?? join(root, "dist/image"));
const rootfs = join(directory, "rootfs");
const layout = join(directory, "oci");
for (const part of [rootfs, layout]) rmSync(part, { recursive: true, force: true });
mkdirSync(rootfs, { recursive: true, mode: 0o755 });

const bundle = mkdtempSync(join(tmpdir(), "image-bundle-"));
try {
  bundleAgent(bundle);
  makeRootfs(rootfs, {
    ...{ root, bundle, architecture, arch: values.arch, node: realpathSync(values.node) },
    sysroot: resolve(values.sysroot),
  });
} finally {
  rmSync(bundle, { recursive: true, force: true });
}
const files = Number(run("coreutils", "du", "--summarize", "--bytes", rootfs).split("\t")[0]);
process.stdout.write(`${rootfs}: ${megabytes(files)}\n`);
if (!values["rootfs-only"]) {
  const { version } = JSON.parse(readFileSync(join(root, "packages/agent/package.json"), "utf8")) as {
    version: string;
  };
  const { layerBytes, digest } = await writeLayout(rootfs, layout, {
    architecture: values.arch,
    entrypoint: ENTRYPOINT,
    labels: {
      "org.opencontainers.image.title": "logdna-agent",
      "org.opencontainers.image.description": "Ships the log files of a host, without any special permission",
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "MIT",
    },
    epoch: timeOfRelease(root),
  });
  process.stdout.write(`${layout}: ${megabytes(layerBytes)} compressed, ${digest}\n`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
