import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { helpOpen } from "./app_state.ts";
import { Icon } from "./icons.tsx";
import { KEYS } from "./keyboard.ts";

const TERMS: readonly (readonly [term: string, what: string])[] = [
  ["time out", "both words, in any order, in any case"],
  ['"time out"', "exactly this phrase"],
  ["-debug", "not this word"],
  ["host:web-1  app:nginx", "from this host, this app"],
  ["file:x  level:error  env:x  tag:x", "likewise"],
];

/** The keys and the language of the search box. */
export function HelpDialog(): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = (): void => {
    helpOpen.value = false;
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close}>
      <div class="help-head">
        <h2 id="help-title">Keys and search terms</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={keys} class="pair">
            <dt>
              {keys.split("  ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3>Search</h3>
      <dl>
        {TERMS.map(([term, what]) => (
          <div key={term} class="pair">
            <dt>
              <code>{term}</code>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">
        Enter searches the history; live lines go on with the same search. In the histogram, click a column or drag over
        several.
      </p>
    </dialog>
  );
}
