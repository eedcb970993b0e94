/** Names that the agent puts into its state directory; a star at the end stands for anything. */
export const STATE_FILES = [
  ...["state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "state.sqlite-journal", "scratch-*"],
  ...["quarantine.jsonl", "quarantine.jsonl.1", "spool-*", "aside-*"],
  ...["status.json", "restarts.json", "restarts.json.new", "redaction.salt", "redaction.salt.*"],
] as const;

/** What agents of the second and third version keep there: a database of theirs, which tells whose directory it is. */
export const STATE_MARKS = ["agent_state.db"] as const;

/** Whether a name in the state directory is one that the agent put there. */
export function isStateFile(name: string): boolean {
  return STATE_FILES.some((own) => (own.endsWith("*") ? name.startsWith(own.slice(0, -1)) : name === own));
}
