import { type LoadOptions, type LoadResult, loadConfig } from "../config/mod.ts";
import { placed, problemText } from "../config/problem.ts";
import { certificateProblem } from "./certificate_problem.ts";

/** What an agent that starts here and now would say of its configuration. */
export interface Validation {
  /** What keeps it from starting; each one line. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly loaded: LoadResult;
}

/** Checks a configuration as the start does, with the key and the certificates that it names, and tells everything at once. */
export function validate(options: LoadOptions): Validation {
  const loaded = loadConfig({ ...options, certificateProblem });
  const { warnings } = loaded;
  if (loaded.kind === "error") return { errors: loaded.errors, warnings, loaded };
  return { errors: loaded.kind === "run" ? certificateErrors(loaded) : [], warnings, loaded };
}

function certificateErrors({ config, origins }: Extract<LoadResult, { kind: "run" }>): string[] {
  const problem = certificateProblem(config);
  return problem === undefined ? [] : [problemText(placed(problem, origins))];
}
