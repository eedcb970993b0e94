import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const KEY = "logs.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" } as const;

/** The colours asked for; `auto` follows the system. */
export const theme = signal<Theme>("auto");

/** Applies the remembered theme; run before the first paint. */
export function restoreTheme(): void {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(KEY);
  } catch {
    // Storage can be forbidden; the theme is then not remembered.
  }
  apply(stored === "light" || stored === "dark" ? stored : "auto");
}

/** Goes through system, light and dark. */
export function nextTheme(): void {
  apply(NEXT[theme.value]);
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // As above.
  }
}

function apply(next: Theme): void {
  theme.value = next;
  document.documentElement.dataset.theme = next;
}
