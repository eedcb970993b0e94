import type { Outcome, Policy } from "@logdna-agent/confinement";
import type { Refusal } from "./attempt.ts";

/** What the doctor found. It is printed as it is by `--json`: names and meanings stay, further ones may be added. */
export interface DoctorReport {
  readonly version: string;
  readonly host: HostFacts;
  readonly destination: Destination;
  readonly files: FilesReport;
  /** What the agent would be left with; undefined where its confinement is switched off. */
  readonly policy: Policy | undefined;
  readonly layers: LayersReport;
  readonly lessPower: readonly LessPower[];
  readonly firewall: { readonly nftables: string; readonly networkPolicy: string };
  readonly verdict: Verdict;
}

interface HostFacts {
  readonly hostname: string;
  readonly kernel: string;
  readonly node: string;
  /** Version of the Landlock ABI; 0 without Landlock; undefined where it could not be asked. */
  readonly landlockAbi: number | undefined;
  /** The user that the doctor was started as, and so the agent would be. */
  readonly startedAs: { readonly uid: number; readonly user: string };
  /** The user that the agent becomes. */
  readonly becomes: { readonly uid: number; readonly user: string };
}

/** The one host that the agent talks to: the server, or the proxy before it. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly encrypted: boolean;
  /** The protocol that it speaks. */
  readonly output: "logdna" | "otlp";
  /** The server, as `host:port`, where the host is a proxy that connects to it. */
  readonly behind: string | undefined;
  /** What the name stands for now; empty where it could not be looked up. */
  readonly addresses: readonly string[];
  /** Addresses of the name servers. */
  readonly resolvers: readonly string[];
  readonly problem: string | undefined;
}

interface FilesReport {
  readonly roots: readonly string[];
  /** Log directories that are not there. */
  readonly missing: readonly string[];
  /** Number of files that would be followed, and their size in bytes. */
  readonly count: number;
  readonly bytes: number;
  /** Whether there are more than were looked at. */
  readonly more: boolean;
  /** What they need to be read. */
  readonly needs: readonly Need[];
  /** Files that the agent, started like this doctor, cannot read. */
  readonly unreadable: readonly string[];
  /** Directories that could not be looked into. */
  readonly closed: readonly string[];
}

/** Files that need the same, because of the same. */
export interface Need {
  readonly need: "nothing" | "group" | "capability";
  /** The groups that would be enough. */
  readonly groups: readonly string[];
  /** What bars the way, such as "mode 0640, root:adm". */
  readonly because: string;
  readonly count: number;
  /** Some of them. */
  readonly examples: readonly string[];
}

interface LayersReport {
  readonly outcomes: readonly Outcome[];
  /** In what the process that tried had more than its policy leaves it. */
  readonly excesses: readonly string[];
  readonly refusals: readonly Refusal[];
  /** Why nothing was tried. */
  readonly notTried: string | undefined;
}

/** A way to run the agent with less than root. */
export interface LessPower {
  readonly title: string;
  /** Lines for a terminal or a file. */
  readonly text: string;
  /** Files of now that it would not read. */
  readonly misses: number;
  readonly examples: readonly string[];
  /** What else it misses. */
  readonly caveats: readonly string[];
}

export interface Verdict {
  /** `confined`: everything is in place. `partly`: it works, with less protection than there could be. `not ready`: see the problems. */
  readonly state: "confined" | "partly" | "not confined" | "not ready";
  /** Something that is required is missing; each one line. The exit status is not 0 then. */
  readonly problems: readonly string[];
  /** What could be better; each one line. */
  readonly warnings: readonly string[];
}
