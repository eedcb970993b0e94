import assert from "node:assert/strict";
import { test } from "node:test";
import { barChart, lineChart } from "./chart.ts";

const BARS = [
  { label: "this <agent>", value: 240, text: "240.0", strong: true },
  { label: "another & more", value: 60, text: "60.0", strong: false },
];
const POINTS = [
  { x: 1, y: 10 },
  { x: 100, y: 8 },
  { x: 10_000, y: 9 },
];

/** Attributes of each element of a name. */
function elements(svg: string, name: string): Map<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${name}\\b([^>]*)>`, "g"))].map(
    ([, attributes = ""]) =>
      new Map([...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value])),
  );
}

test("bars are as long as their values, and are told in words too", () => {
  const svg = barChart("throughput", "MB per CPU-s", BARS);
  const [, first, second] = elements(svg, "rect").map((rect) => Number(rect.get("width")));
  assert.equal((first ?? 0) / (second ?? 1), 4);
  assert.match(
    svg,
    /<desc id="description">MB per CPU-s\. this &lt;agent&gt;: 240\.0; another &amp; more: 60\.0\.<\/desc>/,
  );
  assert.match(svg, /role="img" aria-labelledby="title description"/);
});

test("points of a line lie where their values are, on a logarithmic axis at equal steps", () => {
  const lines = [{ label: "this agent", points: POINTS, strong: true }];
  const svg = lineChart("files", { title: "files", scale: "log" }, "MB per CPU-s", lines);
  const circles = elements(svg, "circle").map(
    (circle) => [Number(circle.get("cx")), Number(circle.get("cy"))] as const,
  );
  assert.equal(circles.length, 3);
  const [a, b, c] = circles.map(([x]) => x);
  assert.ok(Math.abs((b ?? 0) - (a ?? 0) - ((c ?? 0) - (b ?? 0))) < 0.2);
  const [high, low, between] = circles.map(([, y]) => y);
  assert.ok((high ?? 0) < (between ?? 0) && (between ?? 0) < (low ?? 0), "more is higher up");
  assert.match(svg, /10 at 1, 8 at 100, 9 at 10,000/);
});

test("names of lines that end at the same place do not cover each other", () => {
  const lines = ["one", "two", "three"].map((label) => ({ label, points: POINTS, strong: false }));
  const svg = lineChart("files", { title: "files", scale: "log" }, "MB", lines);
  const places = elements(svg, "text").flatMap((text) =>
    text.get("class") === "label" ? [Number(text.get("y"))] : [],
  );
  assert.equal(places.length, 3);
  for (const [n, place] of places.slice(1).entries()) assert.ok(place - (places[n] ?? 0) >= 14);
});

test("a chart has colours for light and for dark", () => {
  assert.match(barChart("a", "b", BARS), /@media \(prefers-color-scheme: dark\)/);
});
