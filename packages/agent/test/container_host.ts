import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Place } from "./agent.ts";

/** Bytes of a line that runtimes write as one. */
export const RUNTIME_CHUNK = 16 * 1024;

let made = 0;

/** A host with containers: their logs are written, linked, rotated and removed as by a kubelet with its runtime. */
export class ContainerHost {
  readonly links: string;
  readonly pods: string;
  /** Where Docker has its containers: in no log directory. */
  readonly docker: string;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    this.links = join(place.logs, "containers");
    this.pods = join(place.logs, "pods");
    this.docker = join(place.root, "docker", "containers");
    for (const directory of [this.links, this.pods, this.docker]) mkdirSync(directory, { recursive: true });
  }

  /** A configuration file for this host, as the default one is for `/var/log`. @param more lines of the section `log`. */
  configure(more: readonly string[] = [], { excludes = [`${this.pods}/**/*`] } = {}): void {
    const dirs = [this.links, this.pods, this.docker];
    const lines = [
      `dirs: ${JSON.stringify([this.#place.logs])}`,
      `container_dirs: ${JSON.stringify(dirs)}`,
      `exclude: { glob: ${JSON.stringify(excludes)} }`,
      ...more,
    ];
    writeFileSync(join(this.#place.root, "config.yaml"), ["log:", ...lines.map((line) => `  ${line}`), ""].join("\n"));
  }

  /** Starts a container of a pod. */
  start(pod: string, { runtime = "cri" as "cri" | "docker", namespace = "shop", container = "web" } = {}): Container {
    made += 1;
    const id = made.toString(16).padStart(64, "0");
    const uid = `00000000-0000-0000-0000-${made.toString(16).padStart(12, "0")}`;
    const directory = join(this.pods, `${namespace}_${pod}_${uid}`, container);
    mkdirSync(directory, { recursive: true });
    const named = join(directory, "0.log");
    const own = join(this.docker, id);
    const log = runtime === "docker" ? join(own, `${id}-json.log`) : named;
    if (runtime === "docker") {
      mkdirSync(own);
      writeFileSync(log, "", { mode: 0o640 });
      symlinkSync(log, named);
    } else writeFileSync(log, "", { mode: 0o640 });
    const link = join(this.links, `${pod}_${namespace}_${container}-${id}.log`);
    symlinkSync(named, link);
    return new Container({ id, runtime, log, link, directories: [join(this.pods, `${namespace}_${pod}_${uid}`), own] });
  }
}

interface ContainerParts {
  readonly id: string;
  readonly runtime: "cri" | "docker";
  readonly log: string;
  readonly link: string;
  readonly directories: readonly string[];
}

/** One container and its log. */
export class Container {
  readonly log: string;
  readonly link: string;
  readonly id: string;
  readonly #parts: ContainerParts;
  #rotations = 0;
  #time = Date.UTC(2026, 0, 2, 3, 4, 5);

  constructor(parts: ContainerParts) {
    this.#parts = parts;
    this.log = parts.log;
    this.link = parts.link;
    this.id = parts.id;
  }

  /** Writes a line as the runtime does, in chunks where it is long. @returns what the runtime has written of it in all. */
  write(text: string, stream = "stdout"): string {
    let written = "";
    for (let at = 0; at === 0 || at < text.length; at += RUNTIME_CHUNK)
      written += this.part(text.slice(at, at + RUNTIME_CHUNK), at + RUNTIME_CHUNK >= text.length, stream);
    return written;
  }

  /** Writes one chunk of a line. */
  part(text: string, ends: boolean, stream = "stdout"): string {
    const line = this.lineOf(text, ends, stream);
    appendFileSync(this.log, line);
    return line;
  }

  /** One chunk of a line as it stands in the log; each is a millisecond later. */
  lineOf(text: string, ends = true, stream = "stdout"): string {
    this.#time += 1;
    const time = new Date(this.#time).toISOString().replace("Z", "456789Z");
    if (this.#parts.runtime === "docker")
      return `${JSON.stringify({ log: ends ? `${text}\n` : text, stream, time })}\n`;
    return `${time} ${stream} ${ends ? "F" : "P"} ${text}\n`;
  }

  /** Rotates: the kubelet renames, lets the runtime open a new log, and compresses what was renamed before; Docker has numbers, and compresses at once. */
  rotate(): void {
    this.#rotations += 1;
    if (this.#parts.runtime === "docker") {
      for (let n = this.#rotations - 1; n >= 1; n -= 1) renameSync(`${this.log}.${n}.gz`, `${this.log}.${n + 1}.gz`);
      renameSync(this.log, `${this.log}.1`);
      writeFileSync(this.log, "", { mode: 0o640 });
      writeFileSync(`${this.log}.1.gz`, gzipSync(readFileSync(`${this.log}.1`)));
      unlinkSync(`${this.log}.1`);
    } else {
      const before = readdirSync(join(this.log, "..")).filter((name) => /^0\.log\.[-\d]+$/.test(name));
      for (const name of before) {
        const path = join(this.log, "..", name);
        writeFileSync(`${path}.tmp`, gzipSync(readFileSync(path)));
        renameSync(`${path}.tmp`, `${path}.gz`);
        unlinkSync(path);
      }
      renameSync(this.log, `${this.log}.20260102-0${30000 + this.#rotations}`);
      writeFileSync(this.log, "", { mode: 0o640 });
    }
  }

  /** Removes all of it, as the kubelet does when a pod is deleted. */
  remove(): void {
    for (const directory of this.#parts.directories) rmSync(directory, { recursive: true, force: true });
    rmSync(this.link, { force: true });
  }
}
