import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { deliver } from "../../test/deliver.ts";
import { startSink } from "../../test/sink.ts";
import { otlpProtocol } from "./otlp_protocol.ts";

interface Example {
  readonly what: string;
  readonly type?: string;
  readonly encoding?: string;
  readonly body: string | Buffer;
}

/** What something on the way answers with 200, without a server having seen the lines. */
const FOREIGN: readonly Example[] = [
  { what: "a page that says that all is being repaired", type: "text/html", body: "<h1>Down for repair</h1>" },
  { what: "a page without a type", body: "<!doctype html><p>It works!" },
  { what: "a page to log in", type: "Text/HTML; charset=utf-8", body: "<form>password</form>" },
  { what: "a word", type: "text/plain", body: "OK" },
  { what: "JSON that is cut", type: "application/json", body: '{"status":"o' },
  { what: "a long text", type: "application/json", body: `{"status":"${"x".repeat(200_000)}"}` },
  { what: "something compressed", type: "application/json", encoding: "gzip", body: gzipSync('{"status":"ok"}') },
];

/** What real servers answer. */
const OURS: readonly Example[] = [
  { what: "nothing", body: "" },
  { what: "nothing, as if it were a page", type: "text/html", body: "" },
  { what: "a line end", body: "\r\n" },
  { what: "what the public service says", type: "application/json; charset=utf-8", body: '{"status":"ok"}' },
  { what: "JSON without a type", body: '{"status":"ok","batchID":"0"}' },
];

for (const { what, type, encoding, body } of FOREIGN) {
  test(`an answer of 200 with ${what} accepts nothing: the same batch is sent again`, async (t) => {
    const sink = await startSink();
    let foreign = 2;
    sink.behave((_, response) => {
      if (foreign === 0) return false;
      foreign -= 1;
      if (type !== undefined) response.setHeader("content-type", type);
      if (encoding !== undefined) response.setHeader("content-encoding", encoding);
      response.end(body);
      return true;
    });
    const bench = deliver(t, sink);
    bench.submit("id-1", "one");
    await bench.drained();
    assert.deepEqual(sink.texts(), ["one"]);
    assert.deepEqual(
      sink.requests.map(({ batchId, headers }) => [batchId, headers["x-batch-attempt"], headers["accept-encoding"]]),
      [1, 2, 3].map((n) => ["id-1", String(n), "identity"]),
    );
    const reasons = bench.events.flatMap((event) => (event.name === "delivery_failed" ? [event.reason] : []));
    assert.equal(reasons.length, 2);
    for (const reason of reasons) {
      assert.match(reason, /^what answered is no ingestion server \(200/);
      assert.match(reason, /check the configured host and endpoint, and proxies in between$/);
    }
    assert.deepEqual(bench.counters(), { requests_accepted: 1, requests_refused: 0, requests_failed: 2 });
  });
}

for (const { what, type, body } of OURS) {
  test(`an answer of 200 with ${what} accepts the batch`, async (t) => {
    const sink = await startSink();
    sink.behave((_, response) => {
      if (type !== undefined) response.setHeader("content-type", type);
      response.end(body);
      return true;
    });
    const bench = deliver(t, sink);
    bench.submit("id-1", "one");
    await bench.drained();
    assert.equal(sink.requests.length, 1);
  });
}

test("with OTLP a page is no acceptance, and all else is", () => {
  const { isForeign } = otlpProtocol({ endpoint: "/", key: () => "", keyHeader: undefined, headers: [] });
  assert.equal(isForeign("<h1>Down</h1>", "text/html"), true);
  // Protobuf, as some servers answer whatever they were sent, and an empty message of it.
  assert.equal(isForeign("\n\u0002\b\u0001", "application/x-protobuf"), false);
  for (const body of ["", "{}", "OK"]) assert.equal(isForeign(body, undefined), false);
});
