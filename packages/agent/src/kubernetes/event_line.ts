import type { OwnFields } from "../lines/fields/line_fields.ts";
import { type JsonRecord, numberAt, recordAt, textAt } from "./json_values.ts";

/** An event of the cluster as a line. */
export interface EventLine {
  readonly text: string;
  readonly own: OwnFields;
}

/**
 * What an event of the cluster is shipped as: the existing agent's form, which the hosted service reads. The event itself is under `kube`;
 * `message` says it in one line, `host` and `app` are the pod and the container that it is about, or else its kind and name, and the
 * component that told it.
 */
export function eventLine(event: JsonRecord): EventLine {
  const about = recordAt(event, "involvedObject");
  const [kind, name] = [textAt(about, "kind"), textAt(about, "name")];
  const component = textAt(event, "source", "component") ?? (textAt(event, "reportingComponent") || undefined);
  // `spec.containers{web}`
  const container = kind === "Pod" ? /\{(.+?)\}/.exec(textAt(about, "fieldPath") ?? "")?.[1] : undefined;
  const series = recordAt(event, "series");
  const count = numberAt(event, "count") ?? numberAt(series, "count");
  const first = textAt(event, "firstTimestamp");
  const last = textAt(event, "lastTimestamp") ?? textAt(series, "lastObservedTime");
  const [reason, message] = [textAt(event, "reason"), textAt(event, "message")];
  const age = secondsBetween(first, last);
  const times = count === undefined || age === undefined ? "" : `  (x${count} ${spanText(age)})`;
  const kube = {
    type: "event",
    action: textAt(event, "action"),
    resource: kind,
    name,
    namespace: textAt(about, "namespace"),
    reason,
    message,
    component,
    node: textAt(event, "source", "host"),
    first_time: first,
    time: last ?? textAt(event, "eventTime"),
    age,
    count,
  };
  const said = reason === undefined || message === undefined ? undefined : `${reason}${times}  ${message}`;
  const host = kind === "Pod" ? name : kind === undefined || name === undefined ? undefined : `${kind}/${name}`;
  const level = textAt(event, "type");
  return {
    text: JSON.stringify({ message: said, level: level ?? "Normal", kube }),
    own: {
      app: container ?? component ?? "kubernetes",
      ...(host !== undefined && { host }),
      ...(level !== undefined && { level }),
    },
  };
}

function secondsBetween(first: string | undefined, last: string | undefined): number | undefined {
  const ms = Date.parse(last ?? "") - Date.parse(first ?? "");
  return Number.isNaN(ms) || ms < 0 ? undefined : Math.floor(ms / 1000);
}

const UNITS = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
] as const;

function spanText(seconds: number): string {
  if (seconds === 0) return "just now";
  let left = seconds;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return `over ${parts.join(" ")}`;
}
