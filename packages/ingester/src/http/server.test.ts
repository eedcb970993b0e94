import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect } from "node:tls";
import { Receiver } from "../receive/receive.ts";
import { openEmbedded } from "../store/connection.ts";
import { Store } from "../store/store.ts";
import { LiveTail } from "../tail/live_tail.ts";
import { privateIdentity, type ServerIdentity } from "../tls/authority.ts";
import { createWebServer } from "./server.ts";
import { ReadAccess } from "./session.ts";

const directory = mkdtempSync(join(tmpdir(), "server-"));
const store = await Store.open(await openEmbedded(directory));
after(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const identityOf = async (): Promise<ServerIdentity> =>
  (await privateIdentity(mkdtempSync(join(directory, "tls-")), ["localhost"])).identity;

/** The certificate that is shown at an address; undefined where nothing listens. */
async function shownAt(host: string, port: number): Promise<string | undefined> {
  const socket = connect({ host, port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerX509Certificate()?.fingerprint256;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

test("a renewed certificate is used at each address that localhost stands for", async (t) => {
  const [first, second] = [await identityOf(), await identityOf()];
  const server = createWebServer({
    store,
    tail: new LiveTail(),
    page: new Map(),
    identity: first,
    strictTransport: false,
    access: new ReadAccess("token", true),
    receiver: new Receiver({ store, keys: [], onStored: () => undefined }),
    onError: (_, error) => assert.fail(error),
  });
  const port = await server.listen("localhost", 0);
  t.after(() => server.close());
  const addresses = ["127.0.0.1", "::1"];
  const shown = (): Promise<(string | undefined)[]> => Promise.all(addresses.map((host) => shownAt(host, port)));
  const fingerprint = ({ cert }: ServerIdentity): string => new X509Certificate(cert).fingerprint256;

  const before = await shown();
  assert.ok(before.includes(fingerprint(first)));
  server.useIdentity(second);
  const all = before.map((found) => found && fingerprint(second));
  assert.deepEqual(await shown(), all);
});
