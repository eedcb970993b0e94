import { render } from "preact";
import { ApiError, signIn } from "./api.ts";
import { App } from "./app.tsx";
import { openFromAddress, session, tell } from "./app_state.ts";
import { onKey } from "./keyboard.ts";
import { restoreTheme } from "./theme.ts";

restoreTheme();
document.addEventListener("DOMContentLoaded", () => void start());

async function start(): Promise<void> {
  const token = takeToken();
  const page = document.getElementById("page");
  if (page === null) return;
  render(<App />, page);
  addEventListener("keydown", onKey);
  addEventListener("popstate", openFromAddress);
  if (token !== null) {
    try {
      await signIn(token);
    } catch (error) {
      if (error instanceof ApiError) tell(error.message);
      session.value = "out";
      return;
    }
  }
  openFromAddress();
}

/** The token of a sign-in link, which leaves the address bar and the history before anything else happens. */
function takeToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
