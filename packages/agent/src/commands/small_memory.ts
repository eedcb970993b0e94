/**
 * What keeps the memory of the agent small: flags of Node and variables of the C library, which count from the start of a process on.
 * `bin/logdna-agent` gives the same, for an agent that is not confined; a test compares them. What was tried and does not pay is
 * told in docs/performance.md.
 */

/** A small young generation: chunks live shortly, and the larger default only costs memory (38 MB under load, and no less CPU). */
export const NODE_FLAGS = ["--max-semi-space-size=1"] as const;

/**
 * One arena for malloc(3) in place of one for each thread: 3 MB when idle and under load. Threads seldom allocate at the same time here. It
 * is a setting of glibc, and without effect elsewhere.
 */
export const VARIABLES = { MALLOC_ARENA_MAX: "1" } as const;
