/** What finds one line in the store: its time and its place in its batch. */
export interface LinePlace {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly batch: string;
  readonly idx: number;
}

/** The id of a line, in characters that need no escaping in a URL. */
export function lineId({ timestamp, batch, idx }: LinePlace): string {
  return `${timestamp.toString(36)}.${idx.toString(36)}.${batch}`;
}

/** The place that an id stands for; undefined for anything that is no id. */
export function placeOf(id: string): LinePlace | undefined {
  const match = /^(-?[0-9a-z]{1,11})\.([0-9a-z]{1,7})\.([0-9A-Za-z_-]{1,64})$/.exec(id);
  if (match === null) return undefined;
  const [, timestamp = "", idx = "", batch = ""] = match;
  return { timestamp: Number.parseInt(timestamp, 36), idx: Number.parseInt(idx, 36), batch };
}
