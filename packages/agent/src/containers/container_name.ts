/** Which container a log is of, as its path says. */
export interface ContainerName {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** 64 hexadecimal digits; only names under `containers/` have it. */
  readonly containerId: string | undefined;
  /** The pod's: a UUID, or a hash where the pod comes from a file on the node. Only names under `pods/` have it. */
  readonly uid: string | undefined;
}

/** Where the kubelet keeps the logs of containers, and links to them. */
const KUBERNETES_LOG_DIR = "/var/log";

/** RFC 1123, as Kubernetes checks it. */
const LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const SUBDOMAIN = "[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?";

/** The kubelet's `LogSymlink`: it cuts a name that is longer than a file system takes, at the end of the container's id. */
const LINK = new RegExp(`^(${SUBDOMAIN})_(${LABEL})_(${LABEL})-([0-9a-f]{1,64})\\.log$`);
const MAX_NAME = 255;
const WHOLE_ID = 64;
/** As many digits are not the end of a container's name. */
const CUT_ID = 12;

/** The kubelet's `BuildPodLogsDirectory` and `BuildContainerLogsDirectory`; what is behind `.log` was rotated. */
const LOG = new RegExp(
  `^(${LABEL})_(${SUBDOMAIN})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})/(${LABEL})/\\d{1,10}\\.log(?:\\.[-0-9]{1,32}(?:\\.gz)?)?$`,
);

/**
 * The container that a log is of, by the names that the kubelet gives: `containers/POD_NAMESPACE_CONTAINER-ID.log`, and
 * `pods/NAMESPACE_POD_UID/CONTAINER/N.log` with what it was rotated into. Undefined for any other path.
 *
 * Names elsewhere count for nothing: whoever owns a log directory could pretend to be any pod.
 *
 * @param path without `..` and doubled slashes.
 * @param logDir the directory that `containers/` and `pods/` are in.
 */
export function containerOf(path: string, logDir: string = KUBERNETES_LOG_DIR): ContainerName | undefined {
  if (!path.startsWith(`${logDir}/`)) return undefined;
  const below = path.slice(logDir.length + 1);
  if (below.startsWith("containers/")) return ofLink(below.slice("containers/".length));
  if (below.startsWith("pods/")) return ofLog(below.slice("pods/".length));
  return undefined;
}

function ofLink(name: string): ContainerName | undefined {
  if (name.length > MAX_NAME) return undefined;
  const [, pod, namespace, container, id = ""] = LINK.exec(name) ?? [];
  if (pod === undefined || namespace === undefined || container === undefined) return undefined;
  const isCut = name.length === MAX_NAME && id.length >= CUT_ID;
  if (id.length !== WHOLE_ID && !isCut) return undefined;
  return { namespace, pod, container, containerId: id.length === WHOLE_ID ? id : undefined, uid: undefined };
}

function ofLog(below: string): ContainerName | undefined {
  const [, namespace, pod, uid, container] = LOG.exec(below) ?? [];
  if (namespace === undefined || pod === undefined || container === undefined) return undefined;
  return { namespace, pod, container, containerId: undefined, uid };
}
