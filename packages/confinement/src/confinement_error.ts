/** The process could not be confined as its policy says: what was attempted, what the system said, what to do. */
export class ConfinementError extends Error {
  override readonly name = "ConfinementError";
}
