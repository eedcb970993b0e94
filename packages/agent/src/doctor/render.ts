import { styleText } from "node:util";
import { describePolicy } from "@logdna-agent/confinement";
import { byteText } from "../telemetry/byte_text.ts";
import { printable } from "../telemetry/printable.ts";
import type { DoctorReport, LessPower, Need } from "./report.ts";

/** Widest column of counts. */
const COUNT_WIDTH = 7;
const SHOWN = 20;
const WIDTH = 110;

export interface RenderOptions {
  readonly colours: boolean;
}

/** The report for people. Paths may hold anything, so what would steer a terminal is escaped. */
export function renderReport(report: DoctorReport, { colours }: RenderOptions): string {
  type Style = Parameters<typeof styleText>[0];
  const styled = (style: Style, text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const title = (text: string): string => `\n${styled("bold", text)}\n`;
  const line = (text: string): string => `  ${printable(text)}\n`;
  const mark = (good: boolean, text: string): string =>
    `  ${good ? styled("green", "✔") : styled("red", "✖")} ${printable(text)}\n`;
  const warn = (text: string): string => `  ${styled("yellow", "!")} ${printable(text)}\n`;
  const { host, destination, files, policy, layers, verdict } = report;

  let text = styled("bold", `logdna-agent ${report.version} on ${printable(host.hostname)}`);
  text += ` (Linux ${host.kernel}, Node ${host.node.replace(/^v/, "")})\n`;
  text += line(
    `Started as ${host.startedAs.user} (${host.startedAs.uid}), it runs as ${host.becomes.user} (${host.becomes.uid}).`,
  );
  const addresses = destination.addresses.length === 0 ? "" : ` (${destination.addresses.join(", ")})`;
  const scheme = `${destination.output === "otlp" ? "OTLP, " : ""}${destination.encrypted ? "HTTPS" : "plain HTTP"}`;
  text += line(
    destination.behind === undefined
      ? `It talks to ${destination.host}, port ${destination.port}, over ${scheme}${addresses}, and to no other host.`
      : `It talks over ${scheme} to ${destination.behind} through the proxy ${destination.host}, port ${destination.port}${addresses}, and to no other host.`,
  );

  text += title("What the log files need");
  text += line(
    `${files.more ? "At least " : ""}${count(files.count, "file")}, ${byteText(files.bytes)}, in ${files.roots.join(", ") || "no directory"}`,
  );
  for (const need of files.needs)
    text += needLines(need)
      .map((part) => line(part))
      .join("");
  if (files.unreadable.length > 0) {
    text += line(`Not readable for an agent that is started like this (${files.unreadable.length}):`);
    text += listed(files.unreadable)
      .map((path) => line(`  ${path}`))
      .join("");
  }

  if (policy !== undefined) {
    text += title("What the agent is left with");
    text += policyLines(describePolicy(policy)).map(line).join("");
    text += title("What takes the rest away");
    for (const { layer, state, detail, gaps } of layers.outcomes) {
      const told = `${layer}: ${state === "applied" ? "" : `${state}: `}${detail}`;
      text += state === "off" ? warn(told) : mark(state === "applied", told);
      text += gaps.map((gap) => line(`    left open: ${gap}`)).join("");
    }
    for (const { what, refused, code } of layers.refusals)
      text += mark(refused, `${what}: ${refused ? `refused (${code})` : "was possible"}`);
    for (const excess of layers.excesses) text += mark(false, excess);
    if (layers.notTried !== undefined) text += mark(false, `not tried: ${layers.notTried}`);
  }

  text += title("Run it with less");
  text += report.lessPower.map((way) => wayLines(way, (heading) => styled("underline", heading))).join("\n");

  text += title("Let it reach its destination alone");
  text += line("nftables (a user that the agent alone runs as, and addresses as they are now):");
  text += `${indented(report.firewall.nftables)}\n`;
  text += line("Kubernetes (pods with the label app: logdna-agent, not in the host's network):");
  text += `${indented(report.firewall.networkPolicy)}\n`;

  text += title("Verdict");
  for (const problem of verdict.problems) text += mark(false, problem);
  for (const warning of verdict.warnings) text += warn(warning);
  text += `  ${styled(verdict.state === "confined" ? ["bold", "green"] : verdict.state === "not ready" ? ["bold", "red"] : ["bold", "yellow"], VERDICTS[verdict.state])}\n`;
  return text;
}

/** Lines with the same heading as one paragraph. */
function policyLines(lines: readonly string[]): string[] {
  const paragraphs = new Map<string, string[]>();
  for (const text of lines) {
    const at = text.indexOf(": ");
    const heading = text.slice(0, at);
    paragraphs.set(heading, [...(paragraphs.get(heading) ?? []), text.slice(at + 2)]);
  }
  return [...paragraphs].flatMap(([heading, parts]) => {
    const wrapped: string[] = [];
    let current = `${heading}:`;
    for (const [index, part] of parts.entries()) {
      const word = ` ${part}${index < parts.length - 1 ? "," : ""}`;
      if (current.length + word.length > WIDTH && current.trim() !== `${heading}:`) {
        wrapped.push(current);
        current = "   ";
      }
      current += word;
    }
    return [...wrapped, current];
  });
}

const VERDICTS: Readonly<Record<DoctorReport["verdict"]["state"], string>> = {
  confined: "Confined: the agent has the power to read logs and to deliver them, and no other.",
  partly: "Partly confined: the agent works, with less protection than there could be.",
  "not confined": "Not confined: the agent works, and keeps all the power that it is started with.",
  "not ready": "Not ready: something that is required is missing.",
};

const NEEDS: Readonly<Record<Need["need"], string>> = {
  nothing: "nothing",
  group: "group",
  capability: "CAP_DAC_READ_SEARCH",
};

function needLines({ need, groups, because, count: number, examples }: Need): string[] {
  const what = need === "group" ? `${groups.length === 1 ? "group" : "groups"} ${groups.join(" and ")}` : NEEDS[need];
  const some = need === "nothing" ? [] : examples.map((path) => `${" ".repeat(COUNT_WIDTH + 2)}${path}`);
  return [`${String(number).padStart(COUNT_WIDTH)}  need${number === 1 ? "s" : ""} ${what}: ${because}`, ...some];
}

function wayLines({ title, text, misses, examples, caveats }: LessPower, underlined: (text: string) => string): string {
  const missing =
    misses === 0 ? "misses no file of now" : `misses ${count(misses, "file")}, such as ${examples.join(", ")}`;
  return [
    `  ${underlined(title)}`,
    indented(text),
    ...[missing, ...caveats].map((caveat) => `  - ${printable(caveat)}`),
    "",
  ].join("\n");
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((part) => (part === "" ? "" : `      ${printable(part)}`))
    .join("\n");
}

function listed(paths: readonly string[]): string[] {
  const rest = paths.length - SHOWN;
  return [...paths.slice(0, SHOWN), ...(rest > 0 ? [`and ${rest} more`] : [])];
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
