import { LEVELS } from "@logdna-agent/protocol";

/** What a level looks like: its colour is the style class `level-KIND`, and its word is always there beside the colour. */
export type LevelKind = (typeof LEVELS)[number] | "other";

/** Most severe first, as they are stacked and listed. */
export const LEVEL_KINDS: readonly LevelKind[] = [...LEVELS.toReversed(), "other"];

export function levelKind(level: string): LevelKind {
  return (LEVELS as readonly string[]).includes(level) ? (level as LevelKind) : "other";
}
