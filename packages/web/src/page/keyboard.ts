import { feed, filtersOpen, helpOpen } from "./app_state.ts";

/** Keys of the page, for the help and as the one place that says what they do. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["/", "Search"],
  ["j  ↓", "Next line"],
  ["k  ↑", "Previous line"],
  ["Enter", "Open the line, or search"],
  ["Esc", "Close what is open"],
  ["Space", "Pause and resume"],
  ["End  G", "Jump to the newest line"],
  ["Home  g", "Jump to the oldest line held"],
  ["?", "This help"],
];

/** What a key does, wherever the focus is, except where it is text to type or a button to press. */
export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : null;
  if (event.key === "Escape") return closeTopmost(target);
  if (helpOpen.value) return;
  if (target?.closest("input, textarea, select, [contenteditable]") && !isCheckbox(target)) return;
  const pressable = target?.closest("button, a, input, summary") ?? null;
  if (pressable !== null && (event.key === "Enter" || event.key === " ")) return;
  const act = action(event.key);
  if (act === undefined) return;
  event.preventDefault();
  act();
}

function action(key: string): (() => void) | undefined {
  switch (key) {
    case "/":
      return () => {
        const search = document.getElementById("search");
        if (search instanceof HTMLInputElement) {
          search.focus();
          search.select();
        }
      };
    case "j":
    case "ArrowDown":
      return () => feed.step(1);
    case "k":
    case "ArrowUp":
      return () => feed.step(-1);
    case "Enter":
      return () => {
        if (feed.selected.value === null) feed.step(0);
        feed.detailOpen.value = feed.selected.value !== null;
      };
    case " ":
      return () => feed.togglePause();
    case "G":
    case "End":
      return () => feed.jumpToNewest();
    case "g":
    case "Home":
      return () => {
        feed.hold();
        feed.reveal.value = { seq: feed.buffer.first, centre: false };
      };
    case "?":
      return () => {
        helpOpen.value = true;
      };
    default:
      return undefined;
  }
}

/** One thing at a time, the topmost first. */
function closeTopmost(target: Element | null): void {
  if (helpOpen.value) helpOpen.value = false;
  else if (filtersOpen.value) filtersOpen.value = false;
  else if (target instanceof HTMLInputElement) target.blur();
  else if (feed.detailOpen.value) feed.detailOpen.value = false;
  else feed.deselect();
}

function isCheckbox(target: Element | null): boolean {
  return target instanceof HTMLInputElement && target.type === "checkbox";
}
