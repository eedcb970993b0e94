import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { VARIABLES } from "../../packages/agent/src/commands/small_memory.ts";

/** What an image says of itself, besides its files. */
export interface ImageDescription {
  readonly architecture: string;
  readonly entrypoint: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Everything in it is of this time, in seconds since the epoch. */
  readonly epoch: number;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const MEDIA = "application/vnd.oci.image";

/**
 * Writes a root file system as an image in the layout of the Open Container Initiative (image-layout.md of its image
 * specification), which skopeo, buildah, podman and umoci read. The same files give the same digests.
 * @returns the size of the compressed layer, in bytes, and the digest of the manifest.
 */
export async function writeLayout(
  rootfs: string,
  directory: string,
  { architecture, entrypoint, labels, epoch }: ImageDescription,
): Promise<{ readonly layerBytes: number; readonly digest: string }> {
  const blobs = join(directory, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const made = join(directory, "layer");
  const tar = `${made}.tar`;
  await archive(rootfs, tar, epoch);
  const diffId = await digestOf(tar);
  await pipeline(createReadStream(tar), createGzip({ level: 9 }), createWriteStream(made));
  const layer = { digest: await digestOf(made), size: statSync(made).size };
  renameSync(made, join(blobs, layer.digest.slice("sha256:".length)));
  const json = (value: unknown): Blob => {
    const text = JSON.stringify(value);
    const hash = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(blobs, hash), text);
    return { digest: `sha256:${hash}`, size: Buffer.byteLength(text) };
  };
  const created = new Date(epoch * 1000).toISOString();
  const config = json({
    ...{ created, architecture, os: "linux" },
    config: {
      Entrypoint: entrypoint,
      Env: ["PATH=/usr/bin", ...Object.entries(VARIABLES).map(([name, value]) => `${name}=${value}`)],
      WorkingDir: "/",
      Labels: labels,
      // SIGTERM, which the agent answers by shipping what it has in hand.
      StopSignal: "SIGTERM",
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created, created_by: "npm run image" }],
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: `${MEDIA}.manifest.v1+json`,
    config: { mediaType: `${MEDIA}.config.v1+json`, ...config },
    layers: [{ mediaType: `${MEDIA}.layer.v1.tar+gzip`, ...layer }],
    annotations: labels,
  });
  const reference = {
    ...{ mediaType: `${MEDIA}.manifest.v1+json`, ...manifest },
    platform: { architecture, os: "linux" },
    annotations: { "org.opencontainers.image.ref.name": "latest" },
  };
  writeFileSync(
    join(directory, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType: `${MEDIA}.index.v1+json`, manifests: [reference] }),
  );
  writeFileSync(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return { layerBytes: layer.size, digest: manifest.digest };
}

/** Packs a directory as root's, in the order of the names, with the capabilities of files and nothing else that varies. */
async function archive(rootfs: string, to: string, epoch: number): Promise<void> {
  const child = spawn(
    "tar",
    [
      ...["--create", "--format=pax", "--sort=name", `--mtime=@${epoch}`, "--owner=0", "--group=0", "--numeric-owner"],
      ...["--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"],
      ...["--xattrs", "--xattrs-include=security.capability", `--directory=${rootfs}`, "."],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise<number | null>((resolve, reject) => child.once("close", resolve).once("error", reject));
  await pipeline(child.stdout, createWriteStream(to));
  const status = await ended;
  if (status !== 0) throw new Error(`tar ended with status ${status}.`);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest("hex")}`;
}
