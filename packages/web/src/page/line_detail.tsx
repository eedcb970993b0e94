import type { StoredLine } from "@logdna-agent/protocol";
import { useComputed } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { fetchLine, isAbort } from "./api.ts";
import { copy, feed, permalink, show, tell, view } from "./app_state.ts";
import { Icon } from "./icons.tsx";
import { levelKind } from "./levels.ts";
import { MarkedText } from "./marked_text.tsx";
import { queryWords } from "./query_words.ts";
import { countText, durationText, fullTime } from "./time_text.ts";
import { type Field, toggleValue } from "./view.ts";

/** Everything that is known about the selected line. */
export function LineDetail(): VNode | null {
  const words = useComputed(() => queryWords(view.value.q));
  const line = useWhole(feed.detailOpen.value ? feed.selected.value?.line : undefined);
  if (line === undefined || !feed.detailOpen.value) return null;
  return (
    <aside class="detail" aria-label="Line">
      <div class="detail-head">
        <span class={`badge level-${levelKind(line.level)}`}>{line.level || "no level"}</span>
        <span class="detail-time">{fullTime(line.timestamp)}</span>
        <button
          type="button"
          class="icon-button"
          aria-label="Close the line"
          onClick={() => {
            feed.detailOpen.value = false;
          }}
        >
          <Icon name="close" />
        </button>
      </div>
      <div class="detail-actions">
        <button type="button" class="small" onClick={() => void copy(permalink(line.id), "Permalink")}>
          <Icon name="link" /> Copy permalink
        </button>
        <button type="button" class="small" onClick={() => void copy(line.line, "Line")}>
          <Icon name="copy" /> Copy line
        </button>
        <button type="button" class="small" onClick={() => show({ ...view.value, line: line.id })}>
          Show around it
        </button>
      </div>
      <div class="detail-body">
        <WholeLine line={line} words={words.value} />
        <dl>
          <Value name="Host" field="host" value={line.host} />
          <Value name="App" field="app" value={line.app} />
          <Value name="File" field="file" value={line.file} />
          <Value name="Level" field="level" value={line.level} />
          <Value name="Environment" field="env" value={line.env} />
          {line.tags.map((tag) => (
            <Value key={tag} name="Tag" field="tag" value={tag} />
          ))}
          <Row name="Received">
            {fullTime(line.received)} <span class="quiet">{delay(line)}</span>
          </Row>
          <Row name="Id">{line.id}</Row>
        </dl>
        <Meta text={line.meta} />
        <Pairs title="Labels" pairs={line.label} />
        <Pairs title="Annotations" pairs={line.annotation} />
      </div>
    </aside>
  );
}

/** The line, and all of it as soon as it is read where the list holds a part. */
function useWhole(listed: StoredLine | undefined): StoredLine | undefined {
  const [whole, setWhole] = useState<StoredLine>();
  const id = listed?.wholeBytes === undefined ? undefined : listed.id;
  useEffect(() => {
    if (id === undefined) return;
    const gone = new AbortController();
    fetchLine(id, gone.signal).then(setWhole, (error: unknown) => {
      if (!isAbort(error)) tell(error instanceof Error ? error.message : String(error));
    });
    return () => gone.abort();
  }, [id]);
  return id !== undefined && whole?.id === id ? whole : listed;
}

function WholeLine({ line, words }: { readonly line: StoredLine; readonly words: readonly string[] }): VNode {
  const body = useMemo(() => <MarkedText text={line.line} words={words} breaks />, [line, words]);
  return (
    <>
      {line.wholeBytes !== undefined && <p class="quiet">This is a part; the rest is being read.</p>}
      {line.line.length > 2000 && <p class="quiet">{countText(line.line.length)} characters</p>}
      <pre class="detail-line">{body}</pre>
    </>
  );
}

function delay(line: StoredLine): string {
  const ms = line.received - line.timestamp;
  return ms < 0 ? `${durationText(-ms)} before its own time` : `after ${durationText(ms)}`;
}

function Row({ name, children }: { readonly name: string; readonly children: ComponentChildren }): VNode {
  return (
    <div class="pair">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Value(props: { readonly name: string; readonly field: Field; readonly value: string }): VNode | null {
  const { name, field, value } = props;
  if (value === "") return null;
  const chosen = view.value.values[field].includes(value);
  return (
    <Row name={name}>
      <MarkedText text={value} words={[]} />{" "}
      <button
        type="button"
        class="link-button"
        aria-label={chosen ? `Remove the filter ${field} ${value}` : `Show only ${field} ${value}`}
        onClick={() => show(toggleValue(view.value, field, value))}
      >
        {chosen ? "remove" : "only"}
      </button>
    </Row>
  );
}

function Meta({ text }: { readonly text: string }): VNode | null {
  const pretty = useMemo(() => prettyJson(text), [text]);
  if (text === "") return null;
  return (
    <>
      <h3>
        Meta{" "}
        <button type="button" class="link-button" onClick={() => void copy(text, "Meta")}>
          copy
        </button>
      </h3>
      <pre class="detail-meta">
        <MarkedText text={pretty} words={[]} breaks />
      </pre>
    </>
  );
}

function Pairs(props: { readonly title: string; readonly pairs: Readonly<Record<string, string>> }): VNode | null {
  const entries = Object.entries(props.pairs);
  if (entries.length === 0) return null;
  return (
    <>
      <h3>{props.title}</h3>
      <dl>
        {entries.map(([name, value]) => (
          <Row key={name} name={name}>
            <MarkedText text={value} words={[]} />
          </Row>
        ))}
      </dl>
    </>
  );
}

/** Indented where it is JSON, else as it is; also where numbers are too long for the browser to keep exactly. */
function prettyJson(text: string): string {
  if (/\d{16}/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
