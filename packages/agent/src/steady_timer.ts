/** What calls again and again, at whole multiples of its interval. */
export interface SteadyTimer {
  stop(): void;
}

/**
 * Calls every so many milliseconds, at whole multiples of that since the process began: those with the same interval wake the
 * process once for all of them. A wake-up costs more than what most of them do.
 */
export function steadyTimer(everyMs: number, act: () => void): SteadyTimer {
  const next = (): NodeJS.Timeout => {
    const ms = everyMs - (performance.now() % everyMs);
    // A timer may come a little early.
    return setTimeout(run, ms < everyMs / 4 ? ms + everyMs : ms);
  };
  let timer = next();
  let stopped = false;
  function run(): void {
    act();
    if (!stopped) timer = next();
  }
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
