import type { VNode } from "preact";
import { feed, leave, notice, overview } from "./app_state.ts";
import { countText } from "./time_text.ts";

/** How the page is connected, and what it has. */
export function StatusBar(): VNode {
  const [kind, text] = state();
  const skipped = feed.skipped.value;
  const problem = feed.loading.value === "failed" ? null : (feed.problem.value ?? overview.problem.value);
  void feed.version.value;
  const held = feed.buffer.length;
  return (
    <footer class="status">
      <span class={`status-state status-${kind}`} role="status">
        {text}
      </span>
      {kind === "live" && feed.rate.value > 0 && <span class="status-rate">{countText(feed.rate.value)} lines/s</span>}
      {skipped > 0 && (
        <span class="status-warn">
          {countText(skipped)} lines came too fast to be shown{" "}
          <button
            type="button"
            class="link-button"
            onClick={() => {
              feed.skipped.value = 0;
              feed.reload();
            }}
          >
            load the newest
          </button>
        </span>
      )}
      {problem !== null && <span class="status-warn">{problem}</span>}
      <span class="status-notice" aria-live="polite">
        {notice.value}
      </span>
      <span class="status-loaded">{countText(held)} loaded</span>
      <button type="button" class="link-button" onClick={() => void leave()}>
        Sign out
      </button>
    </footer>
  );
}

function state(): readonly [kind: string, text: string] {
  if (feed.paused.value) return ["held", "Paused"];
  switch (feed.connection.value) {
    case "live":
      return feed.following.value ? ["live", "Live"] : ["held", "Live, view held"];
    case "connecting":
      return ["wait", "Connecting…"];
    case "reconnecting":
      return ["down", "Disconnected, reconnecting…"];
    case "off":
      return ["off", "Not live"];
  }
}
