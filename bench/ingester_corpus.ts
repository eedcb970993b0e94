/** Lines as hosts log them, made from a seed: the bodies that `bench/ingester.ts` sends. */
import { Buffer } from "node:buffer";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** One gzip'd body on disk. */
export interface CorpusBody {
  readonly file: string;
  readonly host: string;
  readonly lines: number;
  /** Bytes of the lines as they stood in their files, with their newlines. */
  readonly raw: number;
  /** Bytes of the body, decompressed. */
  readonly json: number;
}

export interface Corpus {
  readonly bodies: readonly CorpusBody[];
  /** Times of the first and behind the last line, in milliseconds. */
  readonly from: number;
  readonly to: number;
  /** An id that occurs in one line alone. */
  readonly uniqueId: string;
}

const BODY_BYTES = 2_000_000;
const HOSTS = 20;
const FROM = Date.UTC(2026, 10, 23);
const SPAN_MS = 24 * 3_600_000;

/** Makes a corpus of so many lines in a directory, or takes the one that is there. */
export function corpusIn(directory: string, lines: number): Corpus {
  const index = join(directory, `corpus-${lines}.json`);
  try {
    return JSON.parse(readFileSync(index, "utf8")) as Corpus;
  } catch {
    mkdirSync(directory, { recursive: true });
  }
  const random = randomFrom(20261123);
  const bodies: CorpusBody[] = [];
  let uniqueId = "";
  for (let made = 0; made < lines; ) {
    const host = `web-${String(bodies.length % HOSTS).padStart(2, "0")}`;
    // All hosts log at the same time; a host's next body goes on where its last one ended.
    const round = Math.floor(bodies.length / HOSTS) * HOSTS;
    const begin = FROM + (bodies.length === round ? made : (bodies[round]?.lines ?? 0) * round) * (SPAN_MS / lines);
    const parts: string[] = [];
    let size = 12;
    let raw = 0;
    while (size < BODY_BYTES && made + parts.length < lines) {
      const timestamp = Math.trunc(begin + parts.length * HOSTS * (SPAN_MS / lines));
      const { file, line, id } = lineOf(random, made + parts.length, timestamp, host);
      if (uniqueId === "" && id !== "" && made > lines / 2) uniqueId = id;
      const part = `{"line":${JSON.stringify(line)},"timestamp":${timestamp},"file":"${file}"}`;
      parts.push(part);
      size += part.length + 1;
      raw += line.length + 1;
    }
    const json = Buffer.from(`{"lines":[${parts.join(",")}]}`);
    const file = join(directory, `${lines}-${String(bodies.length).padStart(6, "0")}.gz`);
    writeFileSync(file, gzipSync(json, { level: 2 }));
    bodies.push({ file, host, lines: parts.length, raw, json: json.length });
    made += parts.length;
  }
  const corpus = { bodies, from: FROM, to: FROM + SPAN_MS, uniqueId };
  writeFileSync(index, JSON.stringify(corpus));
  return corpus;
}

type Random = (below: number) => number;

/** xorshift32. */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
}

const PATHS = ["items", "orders", "users", "carts", "sessions", "search", "invoices", "health"];
const AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
  "kube-probe/1.34",
  "python-requests/2.32.5",
];
const MESSAGES = [
  "request completed",
  "request completed",
  "request completed",
  "cache miss",
  "session opened for user",
  "payment authorised",
  "retrying upstream call",
  "slow query on table orders",
  "connection refused by upstream inventory",
];
const LEVELS = ["INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR"];
const STATUS = [200, 200, 200, 200, 200, 200, 201, 204, 301, 304, 400, 404, 500, 503];

interface CorpusLine {
  readonly file: string;
  readonly line: string;
  readonly id: string;
}

function lineOf(random: Random, n: number, timestamp: number, host: string): CorpusLine {
  const hex = (): string =>
    random(2 ** 32)
      .toString(16)
      .padStart(8, "0");
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const iso = new Date(timestamp).toISOString();
  // A few clients and items make most of the traffic.
  const client = random(1 + random(5000));
  const ip = `${10 + (client % 190)}.${(client * 7) % 256}.${(client * 13) % 256}.${client % 251}`;
  const path = `/api/v1/${pick(PATHS)}/${random(1 + random(100_000))}`;
  if (n % 100_003 === 100_002)
    return {
      file: "/var/log/kern.log",
      line: `${iso} ${host} kernel: Out of memory: Killed process ${random(65_536)} (java) total-vm:${random(9_000_000)}kB`,
      id: "",
    };
  switch (random(5)) {
    case 0:
      return {
        file: "/var/log/nginx/access.log",
        line: `${ip} - - [${iso}] "${random(4) ? "GET" : "POST"} ${path}?page=${random(50)} HTTP/1.1" ${pick(STATUS)} ${random(50_000)} "https://shop.example.com/" "${pick(AGENTS)}"`,
        id: "",
      };
    case 1: {
      const id = `${hex()}${hex()}`;
      return {
        file: "/var/log/orders/app.log",
        line: `{"level":"${pick(LEVELS).toLowerCase()}","time":"${iso}","pid":${1000 + random(9)},"host":"${host}","requestId":"${id}","msg":"${pick(MESSAGES)}","path":"${path}","durationMs":${random(20_000) / 10}}`,
        id,
      };
    }
    case 2:
      return {
        file: "/var/log/syslog",
        line: `${iso} ${host} ${pick(["systemd", "sshd", "cron", "dockerd"])}[${random(65_536)}]: ${pick(MESSAGES)} from ${ip} port ${random(65_536)}`,
        id: "",
      };
    case 3: {
      const id = `${hex()}-${hex()}`;
      return {
        file: "/var/log/billing/billing.log",
        line: `${iso} ${pick(LEVELS)} [http-nio-8080-exec-${random(40)}] com.example.billing.InvoiceService - ${pick(MESSAGES)} invoice=${random(10_000_000)} trace=${id} took=${random(3000)}ms`,
        id,
      };
    }
    default:
      return {
        file: `/var/log/containers/gateway-${random(6)}.log`,
        line: `${iso} stdout F level=${pick(LEVELS).toLowerCase()} ts=${iso} caller=handler.go:${random(400)} msg="${pick(MESSAGES)}" peer=${ip} path=${path} bytes=${random(100_000)}`,
        id: "",
      };
  }
}
