/** Keys of `meta` by which parts of a long line, and pieces of one that is too large for the server, say what they are. */
export const PART_KEYS: ReadonlySet<string> = new Set([
  "line_part",
  "line_piece",
  "line_id",
  "line_offset",
  "line_end",
  "line_dropped_bytes",
]);
