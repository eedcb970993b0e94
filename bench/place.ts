/** Where measurements take place: a directory, and a certificate that the sinks show. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority } from "../packages/agent/test/certificates.ts";

export interface Authority {
  /** PEM file of the authority. */
  readonly caFile: string;
  readonly certificate: { readonly key: string; readonly cert: string };
}

export interface Place {
  readonly root: string;
  readonly authority: Authority;
  remove(): void;
}

/** Makes a place; it is removed when the process ends, at the latest. */
export async function makePlace(): Promise<Place> {
  const root = mkdtempSync(join(tmpdir(), "bench-"));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  process.once("exit", remove);
  const authority = await makeAuthority(root);
  const certificate = await authority.issue({ names: ["localhost", "127.0.0.1"] });
  return { root, authority: { caFile: authority.caFile, certificate }, remove };
}
