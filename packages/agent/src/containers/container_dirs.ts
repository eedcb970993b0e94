import { trustedPath } from "@logdna-agent/confinement";

/** Behind the number of a container's start: what the kubelet rotates into. */
const KUBELET_LOG = /^[^/]+\/[^/]+\/\d{1,10}\.log(?:\.\d[-\d]{0,31}(?:\.gz)?)?$/;
/** Docker's json-file driver: the container's id twice; a number where it was rotated. */
const DOCKER_LOG = /^([^/]+)\/\1-json\.log(?:\.\d{1,5}(?:\.gz)?)?$/;
/** A name of the kubelet's that is no link, as with a runtime that writes there itself. */
const NAMED_LOG = /^[^/]+-[0-9a-f]{64}\.log$/;

/** The directories that container runtimes keep logs in, or links to them. */
export class ContainerDirs {
  /** Real paths, in the order in which they are given. */
  readonly paths: readonly string[];

  constructor(given: readonly string[]) {
    this.paths = [...new Set(given.map((path) => trustedPath(path).path))];
  }

  /** Which of them a path is in, by number; -1 for none. */
  placeOf(path: string): number {
    return this.paths.findIndex((directory) => path.startsWith(`${directory}/`));
  }

  /**
   * Whether a path is where a runtime keeps a log, or what that was rotated into. Beside those there are files that are no logs and
   * have secrets: Docker keeps a container's environment there.
   */
  isLog(path: string): boolean {
    const directory = this.paths[this.placeOf(path)];
    if (directory === undefined) return false;
    const below = path.slice(directory.length + 1);
    return KUBELET_LOG.test(below) || DOCKER_LOG.test(below) || NAMED_LOG.test(below);
  }

  /** Whether a path is that of a log of Docker's. */
  isDockerLog(path: string): boolean {
    const directory = this.paths[this.placeOf(path)];
    return directory !== undefined && DOCKER_LOG.test(path.slice(directory.length + 1));
  }

  /** Whether a directory is one of them, or beneath one. */
  holds(directory: string): boolean {
    return this.paths.some((path) => directory === path || directory.startsWith(`${path}/`));
  }
}
