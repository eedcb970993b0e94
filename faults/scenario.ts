import type { Scene, SceneOptions } from "./scene.ts";

/** One kind of run. What it does is drawn from the scene's seed. */
export interface Scenario {
  readonly name: string;
  /** One sentence: what goes wrong. */
  readonly about: string;
  /** Why it cannot run on this machine; undefined where it can. */
  readonly lacks?: () => string | undefined;
  readonly setUp?: (seed: number) => SceneOptions;
  /** Everything that goes wrong; the run is ended, and everything checked, by whoever runs it. */
  run(scene: Scene): Promise<void>;
  readonly bounds?: Partial<Bounds>;
}

/** What a run may cost. */
export interface Bounds {
  /** Bytes of memory that any process of the agent may have at its peak. */
  readonly rss: number;
  /** Descriptors that it may have open at once. */
  readonly fds: number;
  /** Batches that may come again beyond those that were in flight: each half of a refused one counts as a batch. */
  readonly repeatedBatches: number;
  /** Lines that may be stored twice because the agent could not note what it sent. */
  readonly storedTwice: number;
}

export const BOUNDS: Bounds = { rss: 200 * 1024 * 1024, fds: 80, repeatedBatches: 0, storedTwice: 0 };
