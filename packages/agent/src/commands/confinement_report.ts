import { type Confinement, NOBODY } from "@logdna-agent/confinement";
import type { AgentFacts } from "../metrics/mod.ts";
import type { Telemetry } from "../telemetry/mod.ts";
import { VERSION } from "../version.ts";

const SHARED_USER =
  "the agent runs as nobody, whom other programs may run as, too: they can read and change its state (`useradd --system logdna-agent` gives it a user of its own)";

/** Says what was given away, and what could not be. */
export function tellConfinement({ emit }: Telemetry, confinement: Confinement | string | undefined): void {
  if (confinement === undefined) return;
  if (typeof confinement === "string") return emit({ name: "not_confined", reason: confinement });
  const { policy, outcomes, facts } = confinement;
  const [thread] = facts.threads;
  emit({
    name: "confined",
    layers: factsOf(confinement).layers,
    // What the kernel says, not what was wanted: a capability that was not there could not be kept.
    uid: thread?.uids[0] ?? policy.uid,
    capability: thread?.capabilities.effective.join(", ") || "none",
    gaps: [...(policy.fromRoot && policy.uid === NOBODY ? [SHARED_USER] : []), ...outcomes.flatMap(({ gaps }) => gaps)],
  });
  const lacking = lackingIn(confinement);
  if (lacking.length > 0) emit({ name: "confinement_incomplete", lacking });
}

/** What was to be given away and could not be; each one line. */
function lackingIn({ outcomes, excesses }: Confinement): string[] {
  const missing = outcomes.filter(({ state }) => state === "failed" || state === "unavailable");
  return [...missing.map(({ layer, detail }) => `${layer} (${detail})`), ...excesses];
}

/** The same as metrics. */
export function factsOf(confinement: Confinement | string | undefined): AgentFacts {
  if (typeof confinement !== "object") return { version: VERSION, layers: [], confined: false };
  const layers = confinement.outcomes.filter(({ state }) => state === "applied").map(({ layer }) => layer);
  return { version: VERSION, layers, confined: lackingIn(confinement).length === 0 };
}
