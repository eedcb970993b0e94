import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { imageOf } from "../kubernetes/image_name.ts";
import type { FactsOf, FileFacts } from "../lines/fields/file_facts.ts";

interface DockerFactsOptions {
  /** Whether a path is that of a log of Docker's. */
  readonly isLog: (path: string) => boolean;
  /** Bytes that the labels of one container may take on each of its lines. */
  readonly maxLabelBytes: number;
  /** Monotonic clock, in milliseconds. */
  readonly clock?: () => number;
}

interface Known {
  lookedAt: number;
  /** Tells whether the file is the one that was read. */
  version: string;
  facts: FileFacts | undefined;
}

/** How Docker calls the file with a container's configuration, beside its log. */
const CONFIGURATION = "config.v2.json";
/** A larger one is not read: they have some 5 KB. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_NAME = 256;
const MAX_IMAGE = 512;
const MAX_LABELS = 64;
/** Containers are renamed, and updated, while they run: so often it is looked whether one was, at most. */
const LOOK_MS = 2000;
/** Containers that are remembered. */
const MAX_REMEMBERED = 10_000;

/**
 * What Docker keeps of a container beside its log: name, image and labels. The file is root's, but what is in it whoever starts
 * containers may choose; and it has secrets, of which nothing is taken.
 */
export function dockerFacts({ isLog, maxLabelBytes, clock = () => performance.now() }: DockerFactsOptions): FactsOf {
  const remembered = new Map<string, Known>();
  return (path) => {
    if (!isLog(path)) return undefined;
    const now = clock();
    const known = remembered.get(path);
    if (known !== undefined && now - known.lookedAt < LOOK_MS) return known.facts;
    const configuration = join(dirname(path), CONFIGURATION);
    const version = versionOf(configuration);
    if (known !== undefined && (version === "" || version === known.version)) {
      known.lookedAt = now;
      return known.facts;
    }
    const read = version === "" ? undefined : contentOf(configuration);
    // What is not to be read any more, as when the container is removed, leaves what is known.
    const facts = read === undefined ? known?.facts : factsIn(read, maxLabelBytes);
    if (known === undefined && remembered.size >= MAX_REMEMBERED) {
      const [oldest] = remembered.keys();
      if (oldest !== undefined) remembered.delete(oldest);
    }
    remembered.set(path, { lookedAt: now, version, facts });
    return facts;
  };
}

/** Empty where it is not there. */
function versionOf(path: string): string {
  try {
    const { ino, mtimeNs, size } = statSync(path, { bigint: true });
    return `${ino}:${mtimeNs}:${size}`;
  } catch {
    return "";
  }
}

/** The text of a regular file that is where its path says; undefined for anything else. */
function contentOf(path: string): string | undefined {
  let fd = -1;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES) return undefined;
    if (process.platform === "linux" && readlinkSync(`/proc/self/fd/${fd}`) !== path) return undefined;
    const buffer = Buffer.alloc(stat.size);
    return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0));
  } catch {
    return undefined;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

function factsIn(text: string, maxLabelBytes: number): FileFacts | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const configuration = field(parsed, "Config");
  const app = textIn(field(parsed, "Name"), MAX_NAME)?.replace(/^\//, "");
  const reference = textIn(field(configuration, "Image"), MAX_IMAGE);
  const image = reference === undefined ? undefined : imageOf(reference);
  const label = labelsIn(field(configuration, "Labels"), maxLabelBytes);
  if (app === undefined && image === undefined && label === undefined) return undefined;
  return {
    ...(app !== undefined && app !== "" && { app }),
    ...(image !== undefined && { meta: { "Image Name": image.name, Tag: image.tag } }),
    ...(label !== undefined && { label }),
  };
}

/** Labels in their order, as many as there is room for; one that is too large is left out. */
function labelsIn(value: unknown, maxBytes: number): Readonly<Record<string, string>> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const labels: [string, string][] = [];
  let bytes = 0;
  for (const [key, text] of Object.entries(value)) {
    if (labels.length === MAX_LABELS) break;
    if (typeof text !== "string") continue;
    const size = Buffer.byteLength(JSON.stringify({ [key]: text }));
    if (bytes + size > maxBytes) continue;
    bytes += size;
    labels.push([key.toWellFormed(), text.toWellFormed()]);
  }
  return labels.length === 0 ? undefined : Object.fromEntries(labels);
}

function textIn(value: unknown, most: number): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, most).toWellFormed() : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
