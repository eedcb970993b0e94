/** A line of a container as it was written, without what its runtime has put around it. */
export interface ContainerLine {
  readonly line: string;
  /** When the runtime got it, in milliseconds since the epoch. */
  readonly timestamp: number;
  readonly stream: string;
  /** It goes on in the next line of its stream: it was longer than a sender takes. */
  readonly isPartial: boolean;
  /** The container's name; empty where the name of the file does not tell it. */
  readonly container: string;
}

/** As the kubelet names links to logs: `POD_NAMESPACE_CONTAINER-ID.log`. */
const LINK = /^\/.*\/[^/_]+_[^/_]+_([^/_]+)-[0-9a-f]{64}\.log$/;
/** As it names logs: `NAMESPACE_POD_UID/CONTAINER/N.log`. */
const LOG = /^\/.*\/[^/_]+_[^/_]+_[-0-9a-f]{32,36}\/([^/_]+)\/\d+\.log$/;
/** As Docker names logs. */
const DOCKER = /^\/.*\/([0-9a-f]{64})\/\1-json\.log$/;

/** `TIME STREAM TAG TEXT` of the Kubernetes CRI; of several tags the first one tells whether the line goes on (`P`). */
const CRI_LINE =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[-+]\d\d:\d\d)) (stdout|stderr) ([FP])(?::[^ ]{0,64})?(?: |$)/;

/** Whether a file is called like the log of a container. */
function containerOf(file: string): { readonly name: string } | undefined {
  const [, name] = LINK.exec(file) ?? LOG.exec(file) ?? [];
  if (name !== undefined) return { name };
  return DOCKER.test(file) ? { name: "" } : undefined;
}

/** Whether what was sent under this name may be as a runtime wrote it. */
export function isContainerLog(file: string): boolean {
  return file.endsWith(".log") && containerOf(file) !== undefined;
}

/**
 * Reads what an agent has sent as the runtime wrote it: the CRI's format, or Docker's json-file.
 * @param file the name that it was sent under.
 * @returns undefined for any other line.
 */
export function containerLine(file: string, line: string): ContainerLine | undefined {
  if (!file.endsWith(".log")) return undefined;
  const read = line.startsWith("{") ? dockerLine : criLine;
  // Most lines are of no runtime's form, which is told sooner than what a file is called.
  const found = read(line);
  if (found === undefined || Number.isNaN(found.timestamp)) return undefined;
  const container = containerOf(file);
  return container && { ...found, container: container.name };
}

function criLine(line: string): Omit<ContainerLine, "container"> | undefined {
  const [header, time = "", stream = "", tag] = CRI_LINE.exec(line) ?? [];
  if (header === undefined) return undefined;
  return { line: line.slice(header.length), timestamp: Date.parse(time), stream, isPartial: tag === "P" };
}

function dockerLine(line: string): Omit<ContainerLine, "container"> | undefined {
  if (!line.startsWith('{"log":"')) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { log, stream, time } = parsed as { readonly [name: string]: unknown };
  if (typeof log !== "string" || typeof stream !== "string" || typeof time !== "string") return undefined;
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const ends = log.endsWith("\n");
  return { line: ends ? log.slice(0, -1) : log, timestamp: Date.parse(time), stream, isPartial: !ends };
}
