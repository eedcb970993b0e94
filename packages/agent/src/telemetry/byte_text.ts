const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** A number of bytes for people, in powers of 1,000. */
export function byteText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; Math.abs(value) >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
