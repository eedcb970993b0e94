/** What calls again and again. */
export interface SteadyTimer {
  stop(): void;
}

interface Group {
  readonly timer: NodeJS.Timeout;
  readonly acts: Set<() => void>;
}

const groups = new Map<number, Group>();

/**
 * Calls every so many milliseconds, together with all that is called as often: a wake-up of the process costs more than what most of
 * them do.
 */
export function steadyTimer(everyMs: number, act: () => void): SteadyTimer {
  // Another function for each caller, who may give the same one.
  const own = (): void => act();
  const group = groups.get(everyMs) ?? newGroup(everyMs);
  group.acts.add(own);
  return {
    stop() {
      if (!group.acts.delete(own) || group.acts.size > 0) return;
      clearInterval(group.timer);
      groups.delete(everyMs);
    },
  };
}

function newGroup(everyMs: number): Group {
  const acts = new Set<() => void>();
  const timer = setInterval(() => {
    for (const act of [...acts]) if (acts.has(act)) act();
  }, everyMs);
  const group = { timer, acts };
  groups.set(everyMs, group);
  return group;
}
