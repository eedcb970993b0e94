import { type AgentEvent, EVENTS, type EventDefinition } from "./events.ts";
import { isLogged, type LogLevel } from "./level.ts";
import { jsonLine, type LogLine, terminalLine } from "./log_line.ts";
import { type GaugeName, MetricRegistry, type MetricsSnapshot } from "./registry.ts";
import { RepeatLimit } from "./repeats.ts";
import { Secrets } from "./secrets.ts";

/** Where the log goes; `process.stderr` is one. */
export interface LogStream {
  write(text: string): unknown;
  on?(event: "error", listener: () => void): unknown;
}

export interface TelemetryOptions {
  readonly level: LogLevel;
  readonly stream: LogStream;
  /** Lines for people, in colour, instead of JSON. */
  readonly isTty: boolean;
  /** Wall clock, in milliseconds since the epoch. */
  readonly wallClock?: () => number;
  /** Monotonic clock, in milliseconds. */
  readonly clock?: () => number;
}

/** The one place where things that happen become log lines and numbers. */
export interface Telemetry {
  /** Something happened. Counts it, and writes it where its level says so. Needs no `this`. */
  readonly emit: (event: AgentEvent) => void;
  /** Sets a gauge. */
  readonly gauge: (name: GaugeName, value: number) => void;
  /** What was last told at the level warn or error, if anything was. */
  lastProblem(): { readonly at: number; readonly text: string } | undefined;
  /** All metrics now. */
  snapshot(): MetricsSnapshot;
  /** A number that is another one once a metric is. */
  revision(): number;
  /** Changes the threshold of the log. */
  setLevel(level: LogLevel): void;
  /** From now on this text is written as `***` wherever it would occur, such as in a server's answer. */
  conceal(secret: string): void;
  /** A text without what is concealed, for whoever cuts or encodes it before it is told. Needs no `this`. */
  readonly concealIn: (text: string) => string;
  /** Writes the summaries of repeats that are still held back; call before the process ends. */
  flush(): void;
}

/** Shorter texts occur by accident; no ingestion key is that short. */
const MIN_CONCEALED_LENGTH = 4;

/** Makes the agent's own log and its metrics. A log that cannot be written is not a reason to stop shipping. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { stream, isTty } = options;
  const wallClock = options.wallClock ?? Date.now;
  const registry = new MetricRegistry();
  const repeats = new RepeatLimit(options.clock ?? (() => performance.now()));
  const secrets = new Secrets(MIN_CONCEALED_LENGTH);
  let level = options.level;
  let lastProblem: { readonly at: number; readonly text: string } | undefined;
  let summaryTimer: NodeJS.Timeout | undefined;
  stream.on?.("error", () => undefined);

  const write = (line: LogLine): void => {
    // Before it is encoded: what JSON escapes would not be found.
    const fields = Object.fromEntries(
      Object.entries(line.fields).map(([name, of]) => [name, secrets.concealInAll(of)]),
    );
    const shown = { ...line, message: secrets.concealIn(line.message), fields };
    stream.write(isTty ? terminalLine(shown) : jsonLine(shown));
  };

  const summarise = (all: boolean): void => {
    clearTimeout(summaryTimer);
    summaryTimer = undefined;
    for (const { event, count } of repeats.ended(all)) {
      const message = `${count} more of ${event} in the last minute were not written.`;
      write({ time: wallClock(), level: "info", event: "repeats_suppressed", message, fields: { of: event, count } });
    }
    planSummary();
  };

  const planSummary = (): void => {
    if (summaryTimer !== undefined) return;
    const inMs = repeats.nextEndInMs();
    if (inMs === undefined) return;
    summaryTimer = setTimeout(() => summarise(false), inMs);
    summaryTimer.unref();
  };

  const emit = (event: AgentEvent): void => {
    // The entry under this name takes these very fields; TypeScript cannot follow that through a union.
    const definition = EVENTS[event.name] as EventDefinition<AgentEvent>;
    definition.count?.(event, registry);
    if (definition.level === "warn") registry.add("warnings", 1);
    if (definition.level === "error") registry.add("errors", 1);
    if (definition.level === "warn" || definition.level === "error")
      lastProblem = { at: wallClock(), text: secrets.concealIn(definition.message(event)) };
    if (!isLogged(definition.level, level)) return;
    // Someone who asks for debug or trace wants every line.
    if (isLogged(definition.level, "info")) {
      summariseIfDue();
      if (!repeats.admits(event.name, definition.key?.(event) ?? "")) {
        planSummary();
        return;
      }
    }
    const { name, ...fields } = event;
    write({ time: wallClock(), level: definition.level, event: name, message: definition.message(event), fields });
  };

  const summariseIfDue = (): void => {
    if (repeats.nextEndInMs() === 0) summarise(false);
    else repeats.ended();
  };

  return {
    emit,
    gauge: registry.set,
    lastProblem: () => lastProblem,
    snapshot: () => registry.snapshot(),
    revision: () => registry.revision,
    setLevel: (next) => {
      level = next;
    },
    conceal: (secret) => secrets.add(secret),
    concealIn: secrets.concealIn,
    flush: () => summarise(true),
  };
}
