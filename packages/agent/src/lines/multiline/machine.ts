/** Where an event stands after one of its lines. */
export interface Step {
  /** This line belongs to the event, and so does every one before it. Otherwise what follows has to show that. */
  readonly certain: boolean;
  /** Where it stands after the next line, which is given without its end; undefined when that is not part of it. */
  next(line: string): Step | undefined;
}

/**
 * Tells which lines belong together. Texts have one character for each byte, as in latin1. A machine knows nothing but the
 * lines from the beginning of the event on: so the same lines are joined in the same way wherever reading begins.
 */
export interface Machine {
  /**
   * Finds all lines that can be the first certain one of an event: the source of an expression that matches in the line, or
   * from the newline in front of it on. What is more than `LOOK_BACK` lines from one need not be looked at. Undefined where
   * any line can be certain.
   */
  readonly trigger: string | undefined;
  /** Where an event that begins with this line stands; undefined when none does. */
  begin(line: string): Step | undefined;
}

/** Lines that are looked at to find out whether they are certain. */
export const LOOK_BACK = 64;
