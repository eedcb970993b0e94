import { type Image, imageOf } from "./image_name.ts";
import { type JsonRecord, recordsAt, textAt, textsAt } from "./json_values.ts";

/** What is kept of a pod. */
export interface Pod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** By the container's name. */
  readonly images: ReadonlyMap<string, Image>;
  /** Ids of its containers as the runtime names their logs, as far as the kubelet has told them. */
  readonly containerIds: ReadonlySet<string>;
}

/** Kinds of containers that a pod has. */
const CONTAINERS = ["containers", "initContainers", "ephemeralContainers"];
const STATUSES = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];

/** Under which a pod of the node's own has, on the API server, the UID that the kubelet names its logs by. */
const STATIC_UID = "kubernetes.io/config.hash";

/** Labels, or annotations, of one pod take so many bytes at most on each of its lines; the longest beyond it are left out. */
export const MAX_TEXT_BYTES = 8 * 1024;

/** What is to be known of a pod; undefined where it is none. */
export function podOf(object: JsonRecord): Pod | undefined {
  const metadata = object.metadata;
  const [uid, namespace, name] = ["uid", "namespace", "name"].map((key) => textAt(metadata, key));
  if (uid === undefined || namespace === undefined || name === undefined) return undefined;
  const annotations = textsAt(metadata, "annotations");
  const images = new Map<string, Image>();
  for (const kind of CONTAINERS)
    for (const container of recordsAt(object, "spec", kind)) {
      const [containerName, image] = [textAt(container, "name"), textAt(container, "image")];
      if (containerName !== undefined && image !== undefined) images.set(containerName, imageOf(image));
    }
  const containerIds = new Set<string>();
  // `containerd://ID`
  for (const kind of STATUSES)
    for (const status of recordsAt(object, "status", kind))
      for (const id of [
        textAt(status, "containerID"),
        textAt(status, "state", "terminated", "containerID"),
        textAt(status, "lastState", "terminated", "containerID"),
      ])
        if (id !== undefined) containerIds.add(id.slice(id.lastIndexOf("/") + 1));
  return {
    uid: annotations[STATIC_UID] ?? uid,
    namespace,
    name,
    node: textAt(object, "spec", "nodeName"),
    labels: bounded(textsAt(metadata, "labels")),
    annotations: bounded(annotations),
    images,
    containerIds,
  };
}

/** The texts without the longest of them, where all of them are too much to be on each line. */
function bounded(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const sized = Object.entries(texts).map((entry) => ({ entry, bytes: entry[0].length + entry[1].length }));
  let bytes = sized.reduce((sum, one) => sum + one.bytes, 0);
  if (bytes <= MAX_TEXT_BYTES) return texts;
  const left = new Set(sized);
  for (const one of sized.toSorted((a, b) => b.bytes - a.bytes)) {
    if (bytes <= MAX_TEXT_BYTES) break;
    left.delete(one);
    bytes -= one.bytes;
  }
  return Object.fromEntries([...left].map(({ entry }) => entry));
}
