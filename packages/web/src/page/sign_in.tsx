import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, signIn } from "./api.ts";
import { notice, openFromAddress } from "./app_state.ts";

/** Asks for the read token. */
export function SignIn(): VNode {
  const input = useRef<HTMLInputElement>(null);
  const problem = useSignal("");
  const busy = useSignal(false);
  useEffect(() => input.current?.focus(), []);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    if (token === "") return;
    busy.value = true;
    problem.value = "";
    try {
      await signIn(token);
      openFromAddress();
    } catch (error) {
      problem.value =
        error instanceof ApiError && (error.status === 401 || error.status === 403)
          ? "The server does not know this token."
          : String(error instanceof Error ? error.message : error);
      input.current?.select();
    } finally {
      busy.value = false;
    }
  }

  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <h1>Logs</h1>
        <label for="token">Read token</label>
        <input ref={input} id="token" name="token" type="password" autoComplete="current-password" spellcheck={false} />
        <p class="quiet">
          The server prints a link that signs in when it starts on a terminal; the token itself is in the file
          read-token of its data directory. It is not stored in this browser, which keeps a session instead.
        </p>
        <p class="sign-in-problem" role="alert">
          {problem.value || notice.value}
        </p>
        <button type="submit" class="primary" disabled={busy.value}>
          {busy.value ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
