import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../delivery/clock.ts";
import { ApiError } from "./api_error.ts";
import { LeaderElection } from "./leader_election.ts";
import type { LeaseChange, LeaseRecord } from "./lease.ts";

/** Time that passes as soon as everybody waits for it. */
class VirtualTime {
  now = 0;
  #sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  /** A clock that goes at another pace, and is at another time, as those of other hosts. */
  clock(pace: number, offset: number): Clock {
    return {
      now: () => offset + this.now * pace,
      delay: (ms, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        if (signal.aborted) reject(new Error("aborted"));
        signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
        this.#sleepers.push({ at: this.now + ms / pace, wake: resolve });
        return promise;
      },
    };
  }

  async pass(ms: number, each: () => void): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      // Everything that can go on without time does.
      for (let n = 0; n < 50; n += 1) await Promise.resolve();
      each();
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers[0];
      if (next === undefined || next.at > until) break;
      this.#sleepers.shift();
      this.now = Math.max(this.now, next.at);
      next.wake();
    }
    this.now = until;
  }
}

/** A lease in memory that answers after a time, or not at all. */
class Server {
  #record: LeaseRecord | undefined;
  #version = 0;
  readonly #time: VirtualTime;
  readonly #random: () => number;

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time;
    this.#random = random;
  }

  /** @param isCut whether the way to it is cut now. */
  leaseFor(isCut: () => boolean) {
    const way = async (): Promise<void> => {
      await this.#time.clock(1, 0).delay(this.#random() * 800, new AbortController().signal);
      if (isCut()) throw new ApiError("cut off");
    };
    return {
      name: "lease",
      read: async (): Promise<LeaseRecord | undefined> => {
        await way();
        const record = this.#record;
        await way();
        return record;
      },
      write: async (before: LeaseRecord | undefined, change: LeaseChange): Promise<LeaseRecord> => {
        await way();
        if (before !== this.#record) throw new ApiError("conflict", 409);
        this.#version += 1;
        const { holder, seconds } = change;
        const annotations = { ...before?.annotations, ...change.annotations };
        const record = { holder, seconds, renewal: String(this.#version), transitions: 0, annotations, object: {} };
        this.#record = record;
        // The answer may be lost although it was written.
        await way();
        return record;
      },
    };
  }
}

test("there are never two leaders, whatever is slow, cut off or stopped, and one soon when it is over", async () => {
  let elections = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = mulberry(seed);
    const time = new VirtualTime();
    const server = new Server(time, random);
    const cut = new Set<number>();
    const leading = new Map<number, () => boolean>();
    const ended: AbortController[] = [];
    const begin = (who: number): void => {
      const controller = new AbortController();
      ended[who] = controller;
      // Clocks differ by up to 5 %, and tell quite other times.
      const clock = time.clock(0.95 + random() * 0.1, random() * 1e9);
      const election = new LeaderElection({
        lease: server.leaseFor(() => cut.has(who)),
        identity: `agent-${who}`,
        clock,
        random,
        lead: async ({ signal, holds }) => {
          elections += 1;
          leading.set(who, () => !signal.aborted && holds());
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
          leading.delete(who);
        },
      });
      void election.run(controller.signal);
    };
    const check = (): void => {
      const now = [...leading].filter(([, holds]) => holds()).map(([who]) => who);
      assert.ok(now.length <= 1, `seed ${seed}: ${now.join(" and ")} lead at ${time.now}`);
    };
    for (let who = 0; who < 4; who += 1) begin(who);
    for (let step = 0; step < 12; step += 1) {
      const who = Math.floor(random() * 4);
      if (random() < 0.6) cut.add(who);
      else cut.clear();
      if (random() < 0.2) {
        ended[who]?.abort();
        begin(who);
      }
      await time.pass(random() * 20_000, check);
    }
    cut.clear();
    await time.pass(40_000, check);
    assert.equal([...leading.values()].filter((holds) => holds()).length, 1, `seed ${seed}: nobody leads`);
    for (const controller of ended) controller.abort();
  }
  assert.ok(elections > 80, `${elections}`);
});

/** A small generator of pseudo-random numbers in [0, 1). */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
