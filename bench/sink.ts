import { fork } from "node:child_process";
import { join } from "node:path";
import type { Arrivals, SinkNews, SinkOrder, SinkSettings } from "./sink_messages.ts";

/** The server that shippers are measured against, as its own process. */
export interface Sink {
  readonly port: number;
  /** Resolves with the time at which the first bytes of lines came. */
  readonly first: Promise<number>;
  /** Bytes of bodies, or of the stream, that have arrived. */
  readonly wireBytes: number;
  /**
   * Resolves when so many lines have arrived, or when nothing came for `patienceMs`: the arrivals tell which. Lines are counted in
   * pauses: something must not come all the time.
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
  let wireBytes = 0;
  const movers = new Set<() => void>();
  const listeners = new Set<(arrivals: Arrivals, asked: boolean) => void>();
  const order = (order: SinkOrder): void => void child.send(order);
  child.on("message", (news: SinkNews) => {
    if (news.name === "ready") ready.resolve(news.port);
    else if (news.name === "first") first.resolve(news.at);
    else if (news.name === "progress") {
      wireBytes = news.wireBytes;
      for (const mover of movers) mover();
    } else for (const listener of listeners) listener(news.arrivals, news.asked);
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
    get wireBytes() {
      return wireBytes;
    },
    report,
    async until(lines, patienceMs, gone) {
      const { promise, resolve, reject } = Promise.withResolvers<Arrivals>();
      const look = (arrivals: Arrivals): void => {
        if (arrivals.lines >= lines) resolve(arrivals);
      };
      const giveUp = (): void => void report().then(resolve, reject);
      let timer = setTimeout(giveUp, patienceMs);
      const move = (): void => {
        clearTimeout(timer);
        timer = setTimeout(giveUp, patienceMs);
      };
      listeners.add(look);
      movers.add(move);
      try {
        look(await report());
        return await Promise.race([promise, gone]);
      } finally {
        clearTimeout(timer);
        listeners.delete(look);
        movers.delete(move);
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
