import { fork } from "node:child_process";
import { join } from "node:path";
import type { Arrivals, SinkNews, SinkOrder, SinkSettings } from "./sink_messages.ts";

/** How often a count is asked for while one is waited for, in milliseconds: something may come all the time. */
const ASK_MS = 30_000;

/** The server that shippers are measured against, as its own process. */
export interface Sink {
  readonly port: number;
  /** Resolves with the time at which the first bytes of lines came. */
  readonly first: Promise<number>;
  /**
   * Resolves when so many lines have arrived, or when none came for `patienceMs`: the arrivals tell which.
   * @throws {Error} when `gone` rejects first.
   */
  until(lines: number, patienceMs: number, gone: Promise<never>): Promise<Arrivals>;
  /** Counts all that has arrived so far. */
  report(): Promise<Arrivals>;
  down(): void;
  up(): void;
  close(): Promise<void>;
}

/** Starts a sink on a free port of 127.0.0.1. */
export async function startSink(settings: SinkSettings): Promise<Sink> {
  const child = fork(join(import.meta.dirname, "sink_process.ts"), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const first = Promise.withResolvers<number>();
  const ready = Promise.withResolvers<number>();
  const listeners = new Set<(arrivals: Arrivals, asked: boolean) => void>();
  const order = (order: SinkOrder): void => void child.send(order);
  child.on("message", (news: SinkNews) => {
    if (news.name === "ready") ready.resolve(news.port);
    else if (news.name === "first") first.resolve(news.at);
    else for (const listener of listeners) listener(news.arrivals, news.asked);
  });
  child.once("close", () => ready.reject(new Error("The sink ended before it listened; it has said why above.")));
  child.send(settings);
  const port = await ready.promise;

  const report = (): Promise<Arrivals> => {
    const { promise, resolve } = Promise.withResolvers<Arrivals>();
    const listener = (arrivals: Arrivals, asked: boolean): void => {
      if (!asked) return;
      listeners.delete(listener);
      resolve(arrivals);
    };
    listeners.add(listener);
    order("report");
    return promise;
  };

  return {
    port,
    first: first.promise,
    report,
    async until(lines, patienceMs, gone) {
      const { promise, resolve } = Promise.withResolvers<Arrivals>();
      let latest: Arrivals | undefined;
      let timer: NodeJS.Timeout | undefined;
      const look = (arrivals: Arrivals): void => {
        if (arrivals.lines >= lines) return resolve(arrivals);
        if (latest?.wireBytes === arrivals.wireBytes) return;
        latest = arrivals;
        clearTimeout(timer);
        timer = setTimeout(() => resolve(arrivals), patienceMs);
      };
      listeners.add(look);
      const asking = setInterval(() => order("report"), Math.min(ASK_MS, patienceMs / 2));
      try {
        look(await report());
        return await Promise.race([promise, gone]);
      } finally {
        clearTimeout(timer);
        clearInterval(asking);
        listeners.delete(look);
      }
    },
    down: () => order("down"),
    up: () => order("up"),
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
