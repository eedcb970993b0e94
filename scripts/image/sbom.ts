import { readFileSync } from "node:fs";
import { join } from "node:path";

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly license?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
type Lock = Readonly<Record<string, LockedPackage>>;

/** Something else that is in the image than a package of npm. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** As a package URL: https://github.com/package-url/purl-spec. */
  readonly purl: string;
  readonly licence?: string;
}

/** The workspace that the image has, and the package that its runtime comes from. */
const AGENT = "packages/agent";
const NODE = "node_modules/node";

/**
 * What the image consists of, as CycloneDX 1.6 in JSON: the packages that the agent needs, as `package-lock.json` has them with
 * their hashes, Node, and what else is given. The same input gives the same text.
 */
export function billOfMaterials(root: string, others: readonly Component[]): string {
  const { packages: lock } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Lock };
  const agent = lock[AGENT];
  if (agent === undefined) throw new Error(`package-lock.json has no ${AGENT}.`);
  const components = [
    ...[...needed(lock, AGENT)].sort().map((path) => ofNpm(lock, path)),
    ...others.map(({ name, version, purl, licence }) => ({
      ...{ type: "library", "bom-ref": purl, name, version },
      ...(licence === undefined ? {} : { licenses: [{ license: { id: licence } }] }),
      purl,
    })),
  ];
  const bill = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        ...{ type: "application", "bom-ref": "logdna-agent", name: "logdna-agent", version: agent.version },
        licenses: [{ license: { id: "MIT" } }],
      },
    },
    components,
    dependencies: [{ ref: "logdna-agent", dependsOn: components.map((component) => component["bom-ref"]) }],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** The places in the lock of everything that a package needs to run, but for the project's own packages; Node included. */
function needed(lock: Lock, from: string): Set<string> {
  const found = new Set<string>([NODE]);
  const looked = new Set<string>();
  const waiting = [from];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (looked.has(at)) continue;
    looked.add(at);
    for (const name of Object.keys(lock[at]?.dependencies ?? {})) {
      const place = placeOf(lock, at, name);
      const entry = lock[place];
      if (entry?.link === true) waiting.push(entry.resolved ?? "");
      else {
        found.add(place);
        waiting.push(place);
      }
    }
  }
  return found;
}

/** Where Node finds a package that another one asks for: nodejs.org, "Loading from node_modules folders". */
function placeOf(lock: Lock, from: string, name: string): string {
  for (let at = from; ; at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "") {
    const place = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (lock[place] !== undefined) return place;
    if (at === "") throw new Error(`package-lock.json has no ${name}, which ${from} needs.`);
  }
}

function ofNpm(lock: Lock, place: string) {
  const { version = "", license, integrity } = lock[place] ?? {};
  const name = place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return {
    ...{ type: "library", "bom-ref": purl, name, version },
    ...(integrity?.startsWith("sha512-")
      ? { hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.slice(7), "base64").toString("hex") }] }
      : {}),
    ...(license === undefined ? {} : { licenses: [{ license: { id: license } }] }),
    purl,
  };
}
