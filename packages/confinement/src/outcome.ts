/** The layers of the confinement, in the order in which they are put on. */
export const LAYERS = ["core dumps", "mounts", "capabilities", "no_new_privs", "landlock", "seccomp"] as const;
export type Layer = (typeof LAYERS)[number];

/** What became of one layer. */
export interface Outcome {
  readonly layer: Layer;
  /** `unavailable`: this kernel, or what the process was started with, cannot do it. `failed`: it should have worked. `off`: not asked for. */
  readonly state: "applied" | "unavailable" | "failed" | "off";
  /** What was done, or why it was not; one line. */
  readonly detail: string;
  /** What the layer, although applied, leaves open here; each one line. */
  readonly gaps: readonly string[];
}

/** Makes the outcomes of one layer. */
export function outcomesOf(layer: Layer): {
  applied(detail: string, gaps?: readonly string[]): Outcome;
  unavailable(detail: string): Outcome;
  failed(detail: string): Outcome;
  off(detail: string): Outcome;
} {
  const make =
    (state: Outcome["state"]) =>
    (detail: string, gaps: readonly string[] = []): Outcome => ({ layer, state, detail, gaps });
  return { applied: make("applied"), unavailable: make("unavailable"), failed: make("failed"), off: make("off") };
}
