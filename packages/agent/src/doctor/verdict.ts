import { NOBODY, type Outcome, type Policy } from "@logdna-agent/confinement";
import type { Refusal } from "./attempt.ts";
import type { Destination, Verdict } from "./report.ts";

export interface Findings {
  /** Undefined where confinement is switched off. */
  readonly policy: Policy | undefined;
  readonly hasKey: boolean;
  readonly noCapability: boolean;
  readonly unreadable: readonly string[];
  readonly closed: readonly string[];
  readonly missingRoots: readonly string[];
  readonly stateProblem: string | undefined;
  readonly destination: Destination;
  readonly outcomes: readonly Outcome[];
  readonly excesses: readonly string[];
  readonly refusals: readonly Refusal[];
  readonly notTried: string | undefined;
}

/** What all that comes to. What is required and missing is a problem; what could be better is a warning. */
export function verdictOf(findings: Findings): Verdict {
  const { policy, unreadable, closed, outcomes, excesses, refusals, notTried, destination } = findings;
  const problems: string[] = [];
  const warnings: string[] = [];
  const required = policy?.mode === "required";
  const weakness = required ? problems : warnings;

  if (!findings.hasKey)
    problems.push("there is no ingestion key: set LOGDNA_INGESTION_KEY or LOGDNA_INGESTION_KEY_FILE");
  if (findings.stateProblem !== undefined) problems.push(findings.stateProblem);
  if (unreadable.length > 0)
    (findings.noCapability ? warnings : problems).push(
      `${files(unreadable.length)} could not be read, such as ${unreadable[0]}: ${
        findings.noCapability
          ? "NO_CAP keeps the capability away"
          : "start the agent as root, or see what would do below"
      }`,
    );
  if (closed.length > 0) problems.push(`${closed.join(", ")} cannot be looked into: nothing in there would be read`);
  for (const root of findings.missingRoots) warnings.push(`${root} is not there yet; the agent waits for it`);
  if (destination.problem !== undefined) warnings.push(destination.problem);
  if (!destination.encrypted) warnings.push("lines and key are sent unencrypted: USE_SSL is off");

  if (policy === undefined) {
    warnings.push("CONFINEMENT is off: the agent keeps all the power that it is started with");
    return { state: problems.length > 0 ? "not ready" : "not confined", problems, warnings };
  }
  if (notTried !== undefined) weakness.push(`the confinement could not be tried: ${notTried}`);
  for (const { layer, state, detail } of outcomes)
    if (state === "unavailable" || state === "failed") weakness.push(`the layer "${layer}" is ${state}: ${detail}`);
  for (const excess of excesses) weakness.push(excess);
  for (const { what, refused } of refusals) if (!refused) weakness.push(`${what} was possible`);
  if (policy.fromRoot && policy.uid === NOBODY)
    warnings.push(
      "the agent would run as nobody, whom other programs may run as, too: make it a user of its own with `useradd --system logdna-agent`",
    );
  const complete =
    notTried === undefined &&
    outcomes.every(({ state }) => state === "applied") &&
    excesses.length === 0 &&
    refusals.every(({ refused }) => refused);
  return { state: problems.length > 0 ? "not ready" : complete ? "confined" : "partly", problems, warnings };
}

function files(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}
