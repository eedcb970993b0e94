import type { FacetsAnswer, FacetValue, HistogramAnswer, LineFilter } from "@logdna-agent/protocol";
import { signal } from "@preact/signals";
import { fetchFacets, fetchHistogram, isAbort } from "./api.ts";
import { FIELDS, type Field } from "./view.ts";

/** Shortest time between two refreshes of a live view, in milliseconds; a slow server is asked less often. */
const REFRESH = 5000;
const BUCKETS = 120;

export type Facets = Readonly<Record<Field, readonly FacetValue[]>>;

/** The histogram and the facets of a view, kept fresh while it is live and seen. */
export class Overview {
  readonly histogram = signal<HistogramAnswer | null>(null);
  readonly facets = signal<Facets | null>(null);
  readonly problem = signal<string | null>(null);
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `filter` is asked anew for each refresh, as its times move; `live` says whether there is more than one. */
  open(filter: () => LineFilter, live: boolean): void {
    this.close();
    this.#abort = new AbortController();
    void this.#refresh(filter, live, this.#abort.signal);
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  async #refresh(filter: () => LineFilter, live: boolean, signal: AbortSignal): Promise<void> {
    const begun = performance.now();
    if (!document.hidden) {
      try {
        const now = filter();
        const [histogram, facets] = await Promise.all([fetchHistogram(now, BUCKETS, signal), allFacets(now, signal)]);
        this.histogram.value = histogram;
        this.facets.value = facets;
        this.problem.value = null;
      } catch (error) {
        if (isAbort(error) || signal.aborted) return;
        this.problem.value = error instanceof Error ? error.message : String(error);
      }
    }
    if (!live || signal.aborted) return;
    const took = performance.now() - begun;
    this.#timer = setTimeout(() => void this.#refresh(filter, live, signal), Math.max(REFRESH, took * 10));
  }
}

/** The facets; those of a field with chosen values as if none were, so that further ones can be chosen. */
async function allFacets(filter: LineFilter, signal: AbortSignal): Promise<Facets> {
  const [base, ...others] = await Promise.all([
    fetchFacets(filter, signal),
    ...FIELDS.filter((field) => (filter[field]?.length ?? 0) > 0).map(async (field) => {
      const { [field]: _, ...rest } = filter;
      const answer: FacetsAnswer = await fetchFacets(rest, signal);
      return { [field]: answer[field] };
    }),
  ]);
  return Object.assign({}, base, ...others) as Facets;
}
