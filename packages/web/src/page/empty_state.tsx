import type { VNode } from "preact";
import { feed, overview, show, view } from "./app_state.ts";
import { EMPTY_VIEW, isFiltered } from "./view.ts";

/** What stands in place of lines, and what can be done about it. */
export function EmptyState(): VNode | null {
  const loading = feed.loading.value;
  const current = view.value;
  if (loading === "loading") return <div class="empty">Loading…</div>;
  if (loading === "failed") {
    return (
      <div class="empty" role="alert">
        <h2>No lines could be shown</h2>
        <p>{feed.problem.value ?? "The request failed."}</p>
        <p>
          {current.line === null ? (
            <button type="button" onClick={() => feed.reload()}>
              Try again
            </button>
          ) : (
            <button type="button" onClick={() => show({ ...current, line: null })}>
              Show live lines
            </button>
          )}
        </p>
      </div>
    );
  }
  const filtered = isFiltered(current);
  const recent = current.range.kind === "last" && current.range.name !== "7d";
  return (
    <div class="empty">
      <h2>{filtered ? "No line matches" : "No lines in this time"}</h2>
      <p>{feed.isLive ? "New ones appear here as they arrive." : "This range is over: no new ones will come."}</p>
      <p class="empty-actions">
        {recent && (
          <button type="button" onClick={() => show({ ...current, range: { kind: "last", name: "7d" } })}>
            Look at 7 days
          </button>
        )}
        {filtered && (
          <button type="button" onClick={() => show({ ...EMPTY_VIEW, range: current.range })}>
            Clear search and filters
          </button>
        )}
        {current.range.kind === "between" && (
          <button type="button" onClick={() => show({ ...current, range: EMPTY_VIEW.range })}>
            Back to live
          </button>
        )}
      </p>
      {overview.problem.value !== null && <p>{overview.problem.value}</p>}
    </div>
  );
}
