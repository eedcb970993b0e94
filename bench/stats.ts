/** The middle of the values, or the mean of the two in the middle. @throws {RangeError} when there are none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of all lies, from 0 to 1, between two of them where need be. @throws {RangeError} when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)];
  const high = sorted[Math.ceil(place)];
  if (low === undefined || high === undefined) throw new RangeError("There is no value.");
  return low + (high - low) * (place - Math.floor(place));
}
