import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clockTime, countText, durationText, fullTime, shortCount, spanText } from "./time_text.ts";

// Local times, as the page shows them, in whatever zone the test runs.
const at = (hour: number, minute: number, second: number, ms = 0, day = 24): number =>
  new Date(2026, 10, day, hour, minute, second, ms).getTime();

describe("times", () => {
  it("have milliseconds and 24 hours", () => {
    assert.equal(clockTime(at(4, 3, 9, 7)), "04:03:09.007");
    assert.match(fullTime(at(14, 3, 9, 120)), /^2026-11-24 14:03:09\.120 UTC[+−]\d\d:\d\d$/);
    assert.equal(fullTime(Number.NaN), "not a time");
  });

  it("of a span say the day once, and seconds where they matter", () => {
    assert.equal(spanText(at(1, 0, 0), at(2, 0, 0)), "11-24 01:00 – 02:00");
    assert.equal(spanText(at(1, 0, 5), at(1, 0, 10)), "11-24 01:00:05 – 01:00:10");
    assert.equal(spanText(at(23, 0, 0, 0, 23), at(2, 0, 0)), "11-23 23:00 – 11-24 02:00");
  });

  it("that pass are rounded to what can be read", () => {
    assert.deepEqual([12, 3400, 45_000, 300_000, 7_200_000].map(durationText), [
      "12 ms",
      "3.4 s",
      "45 s",
      "5 min",
      "2 h",
    ]);
  });
});

describe("counts", () => {
  it("are grouped, or short", () => {
    assert.equal(countText(12345), "12,345");
    assert.equal(shortCount(12345), "12.3K");
  });
});
