import { useSignal, useSignalEffect } from "@preact/signals";
import type { VNode } from "preact";
import { feed, filtersOpen, helpOpen, show, view } from "./app_state.ts";
import { Icon } from "./icons.tsx";
import { nextTheme, theme } from "./theme.ts";
import { spanText } from "./time_text.ts";
import { FIELDS, RANGES, type RangeName, toggleValue } from "./view.ts";

const RANGE_WORDS: Readonly<Record<RangeName, string>> = { "15m": "15 min", "1h": "1 h", "24h": "24 h", "7d": "7 d" };
const THEME_WORDS = { auto: "as the system", light: "light", dark: "dark" } as const;

/** What is asked for: search, time, live or not. */
export function Toolbar(): VNode {
  const chosen = FIELDS.reduce((count, field) => count + view.value.values[field].length, 0);
  return (
    <header class="toolbar">
      <button
        type="button"
        class="filters-button"
        aria-label={chosen === 0 ? "Filters" : `Filters, ${chosen} chosen`}
        aria-expanded={filtersOpen.value}
        onClick={() => {
          filtersOpen.value = !filtersOpen.value;
        }}
      >
        <Icon name="filter" />
        <span class="wide-word">Filters</span>
        {chosen > 0 && <span class="pill">{chosen}</span>}
      </button>
      <SearchBox />
      <RangeChoice />
      <div class="toolbar-end">
        {feed.isLive && (
          <button
            type="button"
            class={`pause${feed.paused.value ? " pause-on" : ""}`}
            aria-label={feed.paused.value ? "Resume" : "Pause"}
            title="Pause and resume (space)"
            onClick={() => feed.togglePause()}
          >
            <Icon name={feed.paused.value ? "play" : "pause"} />
            <span class="wide-word">{feed.paused.value ? "Resume" : "Pause"}</span>
          </button>
        )}
        <button
          type="button"
          class="icon-button"
          aria-label={`Colours: ${THEME_WORDS[theme.value]}`}
          title={`Colours: ${THEME_WORDS[theme.value]}`}
          onClick={nextTheme}
        >
          <Icon name={theme.value} />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Keys and search terms"
          title="Keys and search terms (?)"
          onClick={() => {
            helpOpen.value = true;
          }}
        >
          <Icon name="help" />
        </button>
      </div>
    </header>
  );
}

function SearchBox(): VNode {
  const text = useSignal(view.value.q);
  useSignalEffect(() => {
    text.value = view.value.q;
  });
  const search = (q: string): void => {
    if (q !== view.value.q || view.value.line !== null) show({ ...view.value, line: null, q });
    else feed.reload();
  };
  return (
    <search class="search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          search(text.value.trim());
        }}
      >
        <Icon name="search" />
        <input
          id="search"
          type="text"
          inputMode="search"
          enterkeyhint="search"
          autoComplete="off"
          spellcheck={false}
          aria-label="Search"
          placeholder='Search: words, "a phrase", -without, host:web-1'
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        {text.value !== "" && (
          <button type="button" class="icon-button" aria-label="Clear the search" onClick={() => search("")}>
            <Icon name="close" />
          </button>
        )}
        <kbd>/</kbd>
      </form>
    </search>
  );
}

function RangeChoice(): VNode {
  const { range } = view.value;
  return (
    <fieldset class="ranges">
      <legend class="unseen">Time</legend>
      {(Object.keys(RANGES) as RangeName[]).map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={range.kind === "last" && range.name === name && view.value.line === null}
          onClick={() => show({ ...view.value, line: null, range: { kind: "last", name } })}
        >
          <span class="wide-word">{RANGE_WORDS[name]}</span>
          <span class="narrow-word">{name}</span>
        </button>
      ))}
    </fieldset>
  );
}

/** What narrows the view now, each with its way out. */
export function Chips(): VNode | null {
  const current = view.value;
  const { range } = current;
  const chips: VNode[] = [];
  const chip = (key: string, name: string, value: string, remove: () => void): void => {
    chips.push(
      <li key={key} class="chip">
        <span class="chip-name">{name}</span>
        <span class="chip-value">{value}</span>
        <button type="button" aria-label={`Remove ${name} ${value}`} onClick={remove}>
          <Icon name="close" />
        </button>
      </li>,
    );
  };
  if (current.line !== null) chip("line", "around", "one line", () => show({ ...current, line: null }));
  else if (range.kind === "between") {
    chip("range", "time", spanText(range.from, range.to), () =>
      show({ ...current, range: { kind: "last", name: "15m" } }),
    );
  }
  for (const field of FIELDS) {
    for (const value of current.values[field]) {
      chip(`${field}=${value}`, field, value, () => show(toggleValue(current, field, value)));
    }
  }
  return chips.length === 0 ? null : (
    <ul class="chips" aria-label="What narrows the view">
      {chips}
    </ul>
  );
}
