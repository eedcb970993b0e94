/** What bodies are made of where encoders are measured: generated log lines, the same each time. */
import { Buffer } from "node:buffer";

const CHUNK_BYTES = 128 * 1024;
const NEWLINE = 10;

const WORDS =
  "connection timeout request user session failed closed accepted queue worker retry upstream replica index commit transaction lease leader snapshot cache miss evicted memory disk latency token expired certificate handshake stream reset".split(
    " ",
  );
const STATUS = ["200", "200", "200", "304", "404", "500"];
const LEVELS = ["info", "info", "debug", "warn", "error"];
const CLIENTS = [
  "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
  "curl/7.88.1",
];

/** Whole lines, at most so many bytes of them at once. */
export function chunksOf(corpus: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let from = 0; from < corpus.length; ) {
    const to = corpus.lastIndexOf(NEWLINE, Math.min(corpus.length - 1, from + CHUNK_BYTES - 1)) + 1;
    all.push(corpus.subarray(from, to));
    from = to;
  }
  return all;
}

/** Lines of a web server, of a service that writes JSON, and of syslog, a third each; the same each time. */
export function corpusOf(size: number): Buffer {
  const corpus = Buffer.alloc(size);
  let seed = 42;
  const below = (count: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * count);
  };
  const of = (words: readonly string[]): string => words[below(words.length)] ?? "";
  const hex = (digits: number): string => Array.from({ length: digits }, () => below(16).toString(16)).join("");
  const text = (): string => Array.from({ length: 4 + below(8) }, () => of(WORDS)).join(" ");
  const address = (): string => `10.${below(4)}.${below(256)}.${below(256)}`;
  let time = 1_700_000_000_000;
  let at = 0;
  for (;;) {
    time += below(20);
    const iso = new Date(time).toISOString();
    const line = [
      () =>
        `${address()} - - [${iso.slice(0, 19)}] "${of(["GET", "POST"])} /api/v1/${of(WORDS)}/${below(1e6)} HTTP/1.1" ${of(STATUS)} ${below(60_000)} "-" "${of(CLIENTS)}"`,
      () =>
        `{"ts":"${iso}","level":"${of(LEVELS)}","service":"${of(WORDS)}","req_id":"${hex(8)}-${hex(4)}-${hex(12)}","msg":"${text()}","latency_ms":${below(5000)}}`,
      () =>
        `<${below(190)}>${iso.slice(5, 19)} ip-10-0-${below(24)} ${of(["sshd", "kernel", "cron"])}[${below(32_768)}]: ${text()} from ${address()} port ${below(65_536)} path=C:\\srv\\${of(WORDS)}${below(100) === 0 ? " größer 日本語" : ""}`,
    ][below(3)]?.();
    const written = `${line}\n`;
    if (at + 2 * written.length > size) return corpus.subarray(0, at);
    at += corpus.write(written, at);
  }
}
