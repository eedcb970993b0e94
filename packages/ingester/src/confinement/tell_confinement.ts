import type { Confinement } from "@logdna-agent/confinement";
import { say } from "../commands/say.ts";
import { remedy } from "./confine_server.ts";

/**
 * Says what was given away, and what could not be.
 * @param confinement why nothing was, where it is a text; undefined where nothing was to be.
 * @param staysRootFor what the unprivileged user cannot get to.
 */
export function tellConfinement(confinement: Confinement | string | undefined, staysRootFor: readonly string[]): void {
  if (confinement === undefined) return;
  if (typeof confinement === "string")
    return say("warn", `The server keeps all the power that it was started with: ${confinement}.`);
  const { policy, outcomes, excesses, facts } = confinement;
  const [thread] = facts.threads;
  const layers = outcomes.filter(({ state }) => state === "applied").map(({ layer }) => layer);
  // What the kernel says, not what was wanted.
  const uid = thread?.uids[0] ?? policy.uid;
  const capability = thread?.capabilities.effective.join(", ") || "none";
  say("info", `Everything but serving was given away (${layers.join(", ")}): user ${uid}, capability ${capability}.`, {
    event: "confined",
    layers,
    uid,
    capability,
    gaps: outcomes.flatMap(({ gaps }) => gaps),
  });
  if (staysRootFor.length > 0)
    say(
      "warn",
      `The server stays user 0, without a capability: another user cannot get to ${staysRootFor.join(", ")}. ${remedy()}`,
      {
        event: "confinement_incomplete",
      },
    );
  const missing = outcomes.filter(({ state }) => state === "failed" || state === "unavailable");
  const lacking = [...missing.map(({ layer, detail }) => `${layer} (${detail})`), ...excesses];
  if (lacking.length > 0)
    say("warn", `The confinement is not complete here: ${lacking.join("; ")}.`, {
      event: "confinement_incomplete",
      lacking,
    });
}
