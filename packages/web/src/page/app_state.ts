/** The one state of the page: the view, its lines, its overview; and the way from one view to the next. */
import type { LineFilter } from "@logdna-agent/protocol";
import { effect, signal } from "@preact/signals";
import { ApiError, signOut } from "./api.ts";
import { Feed } from "./feed.ts";
import { Overview } from "./overview.ts";
import { parseView, type View, viewAddress, viewFilter } from "./view.ts";

/** Half of the time shown around a single line, in milliseconds. */
const AROUND = 450_000;

export const view = signal<View>(parseView(location.search));
/** `unknown` until the server has answered once: a session cookie cannot be seen from here. */
export const session = signal<"unknown" | "in" | "out">("unknown");
export const feed = new Feed(() => {
  overview.close();
  session.value = "out";
});
export const overview = new Overview();
/** Whether the panels that narrow screens hide are shown. */
export const filtersOpen = signal(false);
export const helpOpen = signal(false);
/** A short word about what was just done, for a few seconds. */
export const notice = signal("");

effect(() => {
  if (feed.loading.value === "ready" && session.peek() !== "in") session.value = "in";
});

effect(() => {
  // The time around a single line is known once the line is.
  if (feed.loading.value === "ready" && view.value.line !== null) overview.open(overviewFilter, false);
});

/** Opens the view of the address, as at first and when going back in the history. */
export function openFromAddress(): void {
  view.value = parseView(location.search);
  openView();
}

/** Goes to another view; the back button leads to the one before. */
export function show(next: View): void {
  const address = viewAddress(next);
  if (address !== viewAddress(view.peek())) history.pushState(null, "", address);
  view.value = next;
  openView();
}

/** The address of one line in the current view, for others. */
export function permalink(id: string): string {
  return new URL(viewAddress({ ...view.peek(), line: id }), location.href).href;
}

let noticeTimer: ReturnType<typeof setTimeout> | undefined;

/** Says for a moment what was done. */
export function tell(text: string): void {
  clearTimeout(noticeTimer);
  notice.value = text;
  noticeTimer = setTimeout(() => {
    notice.value = "";
  }, 3000);
}

/** Puts text on the clipboard and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell(`${what} copied`);
  } catch {
    tell("The browser does not allow copying here: it needs HTTPS or localhost");
  }
}

/** Ends the session and shows the sign-in form. */
export async function leave(): Promise<void> {
  try {
    await signOut();
  } catch (error) {
    if (error instanceof ApiError) tell(error.message);
    return;
  }
  feed.close();
  overview.close();
  session.value = "out";
}

function openView(): void {
  feed.open(view.value);
  if (view.value.line === null) overview.open(overviewFilter, feed.isLive);
}

function overviewFilter(): LineFilter {
  const now = Date.now();
  const current = view.peek();
  const filter = viewFilter(current, now);
  const line = current.line === null ? undefined : feed.selected.peek()?.line;
  if (line !== undefined) return { ...filter, from: line.timestamp - AROUND, to: line.timestamp + AROUND };
  return { ...filter, to: filter.to ?? now };
}
