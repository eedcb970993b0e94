/** Where measurements take place: a directory, and a certificate that the sinks show. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority } from "../packages/agent/test/certificates.ts";

export interface Authority {
  /** PEM file of the authority. */
  readonly caFile: string;
  readonly certificate: { readonly key: string; readonly cert: string };
}

/**
 * What is shipped lies beside what the runs write, not above it: the agent watches every directory on the way to its logs, and would
 * hear of each run.
 */
export interface Place {
  /** For directories with what is shipped. */
  readonly inputs: string;
  /** For directories of single runs. */
  readonly runs: string;
  /** For the bundle of the agent. */
  readonly bundle: string;
  readonly authority: Authority;
}

/** Makes a place; it is removed when the process ends, at the latest. */
export async function makePlace(): Promise<Place> {
  const root = mkdtempSync(join(tmpdir(), "bench-"));
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  const [inputs = "", runs = "", bundle = ""] = ["inputs", "runs", "bundle"].map((name) => join(root, name));
  for (const directory of [inputs, runs]) mkdirSync(directory);
  const authority = await makeAuthority(root);
  const certificate = await authority.issue({ names: ["localhost", "127.0.0.1"] });
  return { inputs, runs, bundle, authority: { caFile: authority.caFile, certificate } };
}
