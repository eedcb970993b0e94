import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { filtersOpen, overview, show, view } from "./app_state.ts";
import { Icon } from "./icons.tsx";
import { LEVEL_KINDS, levelKind } from "./levels.ts";
import { plainText } from "./line_text.ts";
import { countText, shortCount } from "./time_text.ts";
import { FIELDS, type Field, toggleValue } from "./view.ts";

/** Values of a field shown before "more" is asked for. */
const FEW = 8;

const TITLES: Readonly<Record<Field, string>> = {
  level: "Level",
  host: "Host",
  app: "App",
  file: "File",
  env: "Environment",
  tag: "Tag",
};

/** Values to filter by, with how many lines each has. */
export function FacetPanel(): VNode {
  return (
    <nav class={`facets${filtersOpen.value ? " facets-open" : ""}`} aria-label="Filters">
      <div class="facets-head">
        <h2>Filters</h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close filters"
          onClick={() => {
            filtersOpen.value = false;
          }}
        >
          <Icon name="close" />
        </button>
      </div>
      {FIELDS.map((field) => (
        <FacetGroup key={field} field={field} />
      ))}
    </nav>
  );
}

function FacetGroup({ field }: { readonly field: Field }): VNode | null {
  const all = useSignal(false);
  const chosen = view.value.values[field];
  const counted = (overview.facets.value?.[field] ?? []).filter(({ value }) => value !== "");
  const known = new Set(counted.map(({ value }) => value));
  // A chosen value stays in sight, even where no line has it now.
  const values = [...chosen.filter((value) => !known.has(value)).map((value) => ({ value, count: 0 })), ...counted];
  if (values.length === 0) return null;
  // Levels have an order of their own; the other fields come most frequent first.
  if (field === "level") {
    const rank = (level: string): number => LEVEL_KINDS.indexOf(levelKind(level));
    values.sort((a, b) => rank(a.value) - rank(b.value));
  }
  const shown = all.value ? values : values.filter(({ value }, index) => index < FEW || chosen.includes(value));
  return (
    <fieldset class="facet">
      <legend>
        {TITLES[field]}
        {chosen.length > 0 && (
          <button
            type="button"
            class="link-button"
            onClick={() => show({ ...view.value, line: null, values: { ...view.value.values, [field]: [] } })}
          >
            clear
          </button>
        )}
      </legend>
      {shown.map(({ value, count }) => (
        <label key={value} class="facet-value" title={`${value}: ${countText(count)} lines`}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={() => show(toggleValue(view.value, field, value))}
          />
          {field === "level" && <span class={`facet-level level-${levelKind(value)}`} />}
          {field === "file" ? <Path path={value} /> : <span class="facet-name">{plainText(value)}</span>}
          <span class="facet-count">{shortCount(count)}</span>
        </label>
      ))}
      {values.length > shown.length && (
        <button
          type="button"
          class="link-button"
          onClick={() => {
            all.value = true;
          }}
        >
          {values.length - shown.length} more
        </button>
      )}
    </fieldset>
  );
}

/** A path that is cut at its beginning: its end is what tells one from another. */
function Path({ path }: { readonly path: string }): VNode {
  const cut = path.lastIndexOf("/") + 1;
  return (
    <span class="facet-name facet-path">
      <bdi dir="ltr">
        <span class="facet-dir">{plainText(path.slice(0, cut))}</span>
        {plainText(path.slice(cut))}
      </bdi>
    </span>
  );
}
