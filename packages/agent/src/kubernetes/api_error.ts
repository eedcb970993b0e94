/** What the API server answered instead of what was asked for, or why it could not be reached. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, status?: number, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** What was asked for is older than what the server still has ("410 Gone"). */
  get isExpired(): boolean {
    return this.status === 410;
  }

  /** Somebody else has changed the object meanwhile, or made it. */
  get isConflict(): boolean {
    return this.status === 409;
  }

  get isMissing(): boolean {
    return this.status === 404;
  }
}

/** What a failed request says of itself. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
