/**
 * Takes the picture of the page in README.md: `node scripts/page_picture.ts` writes docs/page.png.
 *
 * Starts the server in a directory of its own, sends it a quarter of an hour of a small shop's lines, the same at each run
 * but for their times, opens the page with Debian's chromium, and sends a few more while it is open.
 */
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as after } from "node:timers/promises";
import { crc32, deflateSync, inflateSync } from "node:zlib";
import { chromium } from "playwright-core";

interface Line {
  readonly host: string;
  readonly timestamp: number;
  readonly line: string;
  readonly app?: string;
  readonly file?: string;
  readonly level?: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

interface Server {
  readonly url: string;
  readonly keyFile: string;
  readonly tokenFile: string;
}

const ROOT = join(import.meta.dirname, "..");
const MINUTES = 15;
const LIVE_LINES = 30;
const LIVE_STEP_MS = 90;

async function takePicture({ url, keyFile, tokenFile }: Server): Promise<void> {
  const [key, token] = [keyFile, tokenFile].map((file) => readFileSync(file, "utf8").trim());
  const lines = new Shop(20_261_124);
  await send(url, key, lines.between(Date.now() - MINUTES * 60_000, Date.now()));
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({
      viewport: { width: 1440, height: 900 },
      deviceScaleFactor: 1,
      colorScheme: "light",
      timezoneId: "UTC",
      locale: "en",
    });
    await page.goto(`${url}/#token=${token}`);
    await page.locator(".status-live").waitFor();
    await page.locator(".facet-count").first().waitFor();
    // Slowly enough for the status to say how many come in a second.
    for (const line of lines.live(LIVE_LINES)) {
      await send(url, key, [{ ...line, timestamp: Date.now() }]);
      await after(LIVE_STEP_MS);
    }
    await page.locator(".row", { hasText: lines.lastText }).waitFor();
    await page.locator(".status-rate").waitFor();
    writeFileSync(join(ROOT, "docs", "page.png"), withoutFilters(await page.screenshot()));
  } finally {
    await browser.close();
  }
}

async function send(url: string, key: string | undefined, lines: readonly Line[]): Promise<void> {
  for (const [host, own] of Map.groupBy(lines, ({ host }) => host)) {
    const response = await fetch(`${url}/logs/agent?hostname=${host}&tags=shop`, {
      method: "POST",
      headers: { apikey: key ?? "", "content-type": "application/json" },
      body: JSON.stringify({ lines: own.map(({ host: _, ...line }) => line) }),
    });
    if (!response.ok)
      throw new Error(`Sending lines: the server answered ${response.status}: ${await response.text()}`);
  }
}

/** The lines of a shop: two web servers, its programs, a database, and a bad minute not long ago. */
class Shop {
  lastText = "";
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** Every line of a time; orders failed for a minute of it. */
  between(from: number, to: number): readonly Line[] {
    const lines: Line[] = [];
    const [bad, good] = [to - 260_000, to - 190_000];
    for (let at = from; at < to; at += 30 + this.#below(110) + 40 * Math.sin((at - from) / 95_000)) {
      const timestamp = Math.floor(at);
      const failing = timestamp > bad && timestamp < good;
      if (failing && this.#below(5) === 0) lines.push(...this.#failure(timestamp));
      else lines.push(this.#line(timestamp));
    }
    return lines;
  }

  /** Lines to come, a failure among them where the picture shows it. */
  live(count: number): readonly Line[] {
    const lines = Array.from({ length: count }, () => this.#line(0));
    lines.splice(count - 17, 0, ...this.#failure(0));
    this.lastText = "order shipped id=1907";
    lines.push({ ...this.#program("queue-1", "shipping", "info", this.lastText), timestamp: 0 });
    return lines;
  }

  #line(timestamp: number): Line {
    const dice = this.#below(100);
    if (dice < 46) return { ...this.#access(), timestamp };
    if (dice < 62) return { ...this.#orders(), timestamp };
    if (dice < 74) return { ...this.#worker(), timestamp };
    if (dice < 86) return { ...this.#system(), timestamp };
    return { ...this.#database(), timestamp };
  }

  #access(): Omit<Line, "timestamp"> {
    const address = `${this.#pick(["198.51.100", "203.0.113", "192.0.2"])}.${1 + this.#below(250)}`;
    const [method, path, statuses] = this.#pick([
      ["GET", "/", [200, 304]],
      ["GET", "/basket", [200]],
      ["GET", "/search?q=walking+boots", [200]],
      ["GET", "/static/app.4f9c.css", [200, 304]],
      ["GET", `/products/${100 + this.#below(900)}`, [200, 200, 200, 404]],
      ["GET", `/api/orders/${1800 + this.#below(120)}`, [200]],
      ["POST", "/api/basket/items", [201, 201, 201, 429]],
      ["POST", "/login", [302]],
      ["GET", "/health", [200]],
    ] as const);
    const status = this.#pick<number>(statuses);
    return {
      host: this.#pick(["web-1", "web-2"]),
      app: "nginx",
      file: "/var/log/nginx/access.log",
      level: status >= 400 ? "warn" : "info",
      line: `${address} "${method} ${path} HTTP/2.0" ${status} ${180 + this.#below(24_000)} ${(this.#below(400) / 1000).toFixed(3)}`,
    };
  }

  #orders(): Omit<Line, "timestamp"> {
    const order = 1800 + this.#below(120);
    const trace = this.#hex(16);
    const [level, msg] = this.#pick([
      ["info", "order stored"],
      ["info", "payment accepted"],
      ["debug", "price computed"],
      ["debug", "stock reserved"],
      ["trace", "rules evaluated"],
      ["warn", "payment provider is slow"],
    ] as const);
    return {
      host: this.#pick(["app-1", "app-2"]),
      app: "orders",
      file: "/srv/orders/shared/log/production.json",
      line: JSON.stringify({ level, msg, order, items: 1 + this.#below(6), ms: 3 + this.#below(240) }),
      meta: { trace, customer: { id: 40_000 + this.#below(900), plan: this.#pick(["free", "team"]) } },
    };
  }

  #worker(): Omit<Line, "timestamp"> {
    const id = 1800 + this.#below(120);
    const [app, level, text] = this.#pick([
      ["shipping", "info", `order shipped id=${id} carrier=north weight=${1 + this.#below(9)}.${this.#below(9)}kg`],
      ["shipping", "debug", `label printed id=${id} in ${20 + this.#below(60)} ms`],
      ["mailer", "info", `mail sent template=order-confirmation id=${id}`],
      ["mailer", "warn", `mail delayed: 451 4.7.1 greylisted, next attempt in 300 s id=${id}`],
      ["shipping", "trace", `polled queue orders depth=${this.#below(40)}`],
    ] as const);
    return this.#program("queue-1", app, level, text);
  }

  #program(host: string, app: string, level: string, text: string): Omit<Line, "timestamp"> {
    return { host, app, file: `/srv/${app}/shared/log/${app}.log`, line: `${level.toUpperCase().padEnd(5)} ${text}` };
  }

  #system(): Omit<Line, "timestamp"> {
    const host = this.#pick(["web-1", "web-2", "app-1", "db-1"]);
    const pid = 900 + this.#below(90_000);
    const [file, line] = this.#pick([
      ["auth.log", `sshd[${pid}]: Accepted publickey for deploy from 10.0.0.${this.#below(250)} port 52144 ssh2`],
      ["auth.log", `sudo: deploy : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/systemctl reload nginx`],
      ["syslog", `systemd[1]: Started session-${pid % 700}.scope - Session ${pid % 700} of User deploy.`],
      ["syslog", `CRON[${pid}]: (root) CMD (/usr/lib/sysstat/sa1 1 1)`],
      ["syslog", `kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.${this.#below(250)} PROTO=TCP DPT=23`],
    ] as const);
    return { host, file: `/var/log/${file}`, line: `${host} ${line}` };
  }

  #database(): Omit<Line, "timestamp"> {
    const ms = `${this.#below(1800)}.${this.#below(999)} ms`;
    const [word, text] = this.#pick([
      ["LOG", `duration: ${ms}  statement: SELECT * FROM orders WHERE customer_id = $1 LIMIT 20`],
      ["LOG", `checkpoint complete: wrote ${this.#below(900)} buffers, total=${ms}`],
      ["WARNING", "there is no transaction in progress"],
      ["ERROR", 'duplicate key value violates unique constraint "basket_items_pkey"'],
      ["LOG", `automatic vacuum of table "shop.public.baskets"`],
    ] as const);
    return {
      host: "db-1",
      file: "/var/log/postgresql/postgresql-17-main.log",
      line: `[${this.#below(9000)}] shop@shop ${word}:  ${text}`,
    };
  }

  /** What one failed request leaves behind: two programs' words, and a stack. */
  #failure(timestamp: number): readonly Line[] {
    const order = 1800 + this.#below(120);
    const orders = { host: "app-2", app: "orders", file: "/srv/orders/shared/log/error.log", timestamp };
    const stack = [
      `ERROR PaymentError: provider answered 503 for order ${order}`,
      "    at PaymentClient.charge (/srv/orders/src/payment/client.ts:88:11)",
      "    at async Checkout.pay (/srv/orders/src/checkout.ts:141:21)",
      "    at async handler (/srv/orders/src/http/routes.ts:57:18) {",
      "  [cause]: Error: connect ECONNREFUSED 10.0.4.17:8443",
      "}",
    ];
    const answer = `203.0.113.${this.#below(250)} "POST /api/orders/${order}/pay HTTP/2.0" 502 157 2.004`;
    return [
      ...stack.map((line) => ({ ...orders, line })),
      { host: "web-1", app: "nginx", file: "/var/log/nginx/access.log", level: "error", timestamp, line: answer },
      {
        ...orders,
        file: "/srv/orders/shared/log/production.json",
        line: JSON.stringify({ level: "fatal", msg: "payment provider is down, circuit opened", provider: "north" }),
      },
    ].slice(0, this.#below(3) === 0 ? 8 : 7);
  }

  #hex(digits: number): string {
    return Array.from({ length: digits }, () => this.#below(16).toString(16)).join("");
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new Error("There is nothing to pick from.");
    return value;
  }

  /** A whole number from 0 to below this: the generator of Numerical Recipes is random enough for a picture. */
  #below(end: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * end);
  }
}

/**
 * The same PNG picture with the rows as they are: text repeats itself, and the browser's filters, made for photographs, hide
 * that from the compression. A fifth smaller.
 */
function withoutFilters(png: Buffer): Buffer {
  const chunks: { readonly type: string; readonly data: Buffer }[] = [];
  for (let at = 8; at < png.length; ) {
    const data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    chunks.push({ type: png.toString("latin1", at + 4, at + 8), data });
    at += 12 + data.length;
  }
  const of = (type: string): Buffer =>
    Buffer.concat(chunks.filter((chunk) => chunk.type === type).map(({ data }) => data));
  const header = of("IHDR");
  // Eight bits each of red, green, blue, and perhaps opacity (PNG, 11.2.1).
  const pixel = header[9] === 6 ? 4 : 3;
  const rows = unfilter(inflateSync(of("IDAT")), header.readUInt32BE(0) * pixel, pixel);
  const body = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([png.subarray(0, 8), ...body]);
}

/** Undoes the filters of rows of so many bytes (PNG, 9.2). */
function unfilter(filtered: Buffer, width: number, pixel: number): Buffer {
  const rows = Buffer.alloc(filtered.length);
  for (let start = 0; start < filtered.length; start += width + 1) {
    const filter = filtered[start] ?? 0;
    for (let x = 0; x < width; x++) {
      const at = start + 1 + x;
      const left = x < pixel ? 0 : (rows[at - pixel] ?? 0);
      const above = rows[at - width - 1] ?? 0;
      const corner = x < pixel ? 0 : (rows[at - width - 1 - pixel] ?? 0);
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter] ?? 0;
      rows[at] = (filtered[at] ?? 0) + guess;
    }
  }
  return rows;
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [guess - left, guess - above, guess - corner].map(Math.abs) as [
    number,
    number,
    number,
  ];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

const directory = mkdtempSync(join(tmpdir(), "page-picture-"));
const child = spawn(
  join(ROOT, "bin", "logdna-ingester"),
  ["--data-dir", join(directory, "data"), "--listen", "127.0.0.1:0", "--http"],
  { stdio: ["ignore", "pipe", "inherit"] },
);
try {
  const [first] = await once(createInterface({ input: child.stdout }), "line");
  await takePicture(JSON.parse(String(first)) as Server);
} finally {
  child.kill("SIGTERM");
  if (child.exitCode === null) await once(child, "exit");
  rmSync(directory, { recursive: true, force: true });
}
