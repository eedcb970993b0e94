/**
 * What logs of containers cost: `node bench/containers.ts [MEGABYTES]`. Reads a file as the agent does and puts its lines into
 * bodies, without compression and without a server: as any log, and as that of a container in each way to ship it; and tells the
 * bytes for each second of processor time, also as a part of those as any log.
 * For each format twice: where no line was cut by the runtime, and where every hundredth was.
 */
import { containerJoinerFor } from "../packages/agent/src/lines/containers/mod.ts";
import type { JoinerFor } from "../packages/agent/src/lines/multiline/mod.ts";
import { compareJoining } from "./joining.ts";

const CUT_EVERY = 100;
const ALL = { isLog: () => true };
const NONE: JoinerFor = () => undefined;

compareJoining(
  Number(process.argv[2] ?? 16) * 1e6,
  [["CRI", criLine] as const, ["Docker", dockerLine] as const].flatMap(([format, line]) => [
    { title: `${format}, no line cut`, entry: (n: number) => line(n, record(n), true) },
    {
      title: `${format}, one of ${CUT_EVERY} lines cut`,
      entry: (n: number) => line(n, record(n), n % CUT_EVERY !== 0),
    },
  ]),
  {
    "as any log": NONE,
    raw: containerJoinerFor({ containerLines: "raw" }, ALL, NONE),
    parsed: containerJoinerFor({ containerLines: "parsed" }, ALL, NONE),
  },
);

function record(n: number): string {
  const level = n % 50 === 0 ? "ERROR" : "INFO";
  return `${level} com.example.Worker - request ${n} took ${n % 1000} ms, user "u${n % 97}" at /orders/${n * 7}`;
}

function timeOf(n: number): string {
  return new Date(1.7e12 + n).toISOString().replace("Z", "123456Z");
}

function criLine(n: number, text: string, ends: boolean): string {
  return `${timeOf(n)} stdout ${ends ? "F" : "P"} ${text}\n`;
}

function dockerLine(n: number, text: string, ends: boolean): string {
  return `${JSON.stringify({ log: ends ? `${text}\n` : text, stream: "stdout", time: timeOf(n) })}\n`;
}
