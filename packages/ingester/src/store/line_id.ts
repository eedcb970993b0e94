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
  const [timestamp, idx] = [Number.parseInt(match[1] ?? "", 36), Number.parseInt(match[2] ?? "", 36)];
  // More than what the store's columns hold is no place of a line, and must not get to the database.
  if (Math.abs(timestamp) > 8.64e15 || idx > 0xffff_ffff) return undefined;
  return { timestamp, idx, batch: match[3] ?? "" };
}
