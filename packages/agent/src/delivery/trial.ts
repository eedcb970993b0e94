/** Times that a line must have been refused alone before it is given up. */
const REFUSALS = 3;
/** The same while the server is known to refuse what it accepts a moment later; what it grows to by doubling. */
const MOST_REFUSALS = 24;
/** How many more, where it is only known that nothing but a few such lines is refused. */
const WITHOUT_WITNESS = 2;
/** How many lines a few are: where more are refused, and nothing is accepted, the server is more likely at fault than they. */
const A_FEW = 5;
/** Refusals without an acceptance in between that come of one bad first line: halving asks once for each power of two. */
const MOST_IN_A_ROW = 24;
/** For how long a refusal that proved wrong makes for doubt, in milliseconds. */
const DOUBT_MS = 10 * 60_000;

/** What the answers to all batches so far tell about the server's refusals. */
export class Evidence {
  readonly #now: () => number;
  #requests = 0;
  #newestAccepted = 0;
  #inARow = 0;
  /** What was refused since something was last accepted: lines that are singled out, and all else. */
  readonly #suspects = new Set<object>();
  readonly #strangers = new Set<object>();
  #needed = REFUSALS;
  #doubtUntil = 0;

  /** @param now monotonic, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The number of the newest request, which stands for the present moment. */
  get moment(): number {
    return this.#requests;
  }

  /** A request goes out; returns its number. */
  begin(): number {
    this.#requests += 1;
    return this.#requests;
  }

  /** It was accepted. */
  accept(request: number): void {
    this.#newestAccepted = Math.max(this.#newestAccepted, request);
    this.#strangers.clear();
    this.#suspects.clear();
    this.#inARow = 0;
    // Time in which nothing is accepted makes nobody trustworthy.
    if (this.#now() > this.#doubtUntil) this.#needed = REFUSALS;
  }

  /** Something was refused: a body, or a line alone, which may be singled out. */
  refuse(what: object, standing: "unknown" | "singled out" | "parted"): void {
    this.#inARow += 1;
    this.#strangers.delete(what);
    if (standing === "unknown") this.#strangers.add(what);
    if (standing === "singled out") this.#suspects.add(what);
  }

  /** How many more were refused since the last acceptance than halving explains. */
  get tooManyInARow(): number {
    return Math.max(0, this.#inARow - MOST_IN_A_ROW);
  }

  /** What was refused was then accepted as it was: it was not at fault. */
  refusedWrongly(): void {
    this.#needed = Math.min(MOST_REFUSALS, this.#needed * 2);
    this.#doubtUntil = this.#now() + DOUBT_MS;
  }

  /** A request that began after a moment was accepted. */
  acceptedSince(moment: number): boolean {
    return this.#newestAccepted > moment;
  }

  /** Since the last acceptance nothing was refused but lines that had been parted, and a few that had been singled out. */
  get onlyFewRefused(): boolean {
    return this.#strangers.size === 0 && this.#suspects.size <= A_FEW;
  }

  /** Times that a line must have been refused alone. */
  get needed(): number {
    return this.#needed;
  }

  /** What was refused was accepted as it was, not long ago. */
  get isDoubtful(): boolean {
    return this.#needed > REFUSALS;
  }
}

/**
 * The case against one line. A server, or a proxy in front of it, that answers 400 to everything for a while, or now and then to
 * anything, must cost no line; and one bad line must hold up nothing for long. So:
 *
 * 1. A line is **singled out** when a body that it was in was refused, later another body was accepted, and after that the line
 *    alone was refused. The earlier body is the line itself, or the one that halving got it from.
 * 2. It is **given up** when it was refused alone three times. Attempts are a second or so apart, and a refusal counts only if
 *    since the one before another body was accepted; that is, by a request which began after it.
 * 3. On a quiet host there may be no other body. For a line that is singled out, refusals count then as well, but two more are
 *    needed, and since the last acceptance nothing may have been refused but this line and a few more that are singled out: where
 *    others are refused too it is not the line. Any number is allowed of lines that were **parted**: of the body that a line was
 *    halved from the other half was accepted. When a proxy turns bad that happens to one line in its place, not to many.
 * 4. When something was refused and then accepted as it was, answers are not to be trusted: twice as many refusals are needed, up
 *    to 24, and the third rule does not hold, until the server accepts something and that has not happened for ten minutes.
 *
 * What is not given up is kept and tried again. A server that accepts nothing gets nothing refused for good.
 */
export class Trial {
  readonly #evidence: Evidence;
  /** When the last refusal was that counts; beyond any moment before there was one. */
  #since: number;
  #refusals = 0;
  #more = 0;
  #isSingledOut = false;
  #isParted = false;

  /** @param since when the body that halving got it from was refused, if there was one. */
  constructor(evidence: Evidence, since = Number.POSITIVE_INFINITY) {
    this.#evidence = evidence;
    this.#since = since;
  }

  /** It was refused alone. */
  get isSuspect(): boolean {
    return this.#refusals > 0;
  }

  /** Times that it was refused alone, as far as they count. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Whether a refusal would count now: something is to be learned from another attempt. */
  get counts(): boolean {
    if (this.isWitnessed) return true;
    return this.#isSingledOut && !this.#evidence.isDoubtful && this.#evidence.onlyFewRefused;
  }

  /**
   * It was refused alone.
   * @param counts what `counts` said before the attempt.
   * @param witnessed another body was accepted before the attempt, since the last refusal.
   * @returns whether it is to be given up.
   */
  refuse(counts: boolean, witnessed: boolean): boolean {
    if (witnessed) this.#isSingledOut = true;
    else if (counts) this.#more = WITHOUT_WITNESS;
    // Between the body that was halved and this line stands the other half, and something was accepted there.
    if (witnessed && this.#refusals === 0) this.#isParted = true;
    this.#evidence.refuse(this, this.#isParted ? "parted" : this.#isSingledOut ? "singled out" : "unknown");
    if (counts || this.#refusals === 0) {
      this.#refusals += 1;
      this.#since = this.#evidence.moment;
    }
    return this.#isSingledOut && this.#refusals >= this.#evidence.needed + this.#more;
  }

  /** Another body was accepted since the last refusal. */
  get isWitnessed(): boolean {
    return this.#evidence.acceptedSince(this.#since);
  }

  /** The other half of the body that it was in was accepted. */
  part(): void {
    if (!this.isSuspect) return;
    this.#isSingledOut = true;
    this.#isParted = true;
  }

  /** It was accepted. */
  accept(): void {
    if (this.isSuspect) this.#evidence.refusedWrongly();
  }
}
