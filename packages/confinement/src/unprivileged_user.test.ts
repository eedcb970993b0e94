import assert from "node:assert/strict";
import { test } from "node:test";
import { unprivilegedUser } from "./unprivileged_user.ts";

const AGENT = "logdna-agent";

test("the agent's own user is taken, else nobody", () => {
  const nobody = { uid: 65_534, gid: 65_534 };
  const passwd = "root:x:0:0:root:/root:/bin/sh\nlogdna-agent:x:997:995::/var/lib/logdna:/usr/sbin/nologin\n";
  assert.deepEqual(unprivilegedUser(AGENT, passwd), { uid: 997, gid: 995 });
  assert.deepEqual(unprivilegedUser(AGENT, "root:x:0:0:root:/root:/bin/sh\n"), nobody);
  assert.deepEqual(unprivilegedUser(AGENT, ""), nobody);
  // A user of that name which is root would be no confinement.
  assert.deepEqual(unprivilegedUser(AGENT, "logdna-agent:x:0:0::/:\n"), nobody);
  assert.deepEqual(unprivilegedUser(AGENT, "logdna-agent:x:997:0::/:\n"), nobody);
  assert.deepEqual(unprivilegedUser(AGENT, "logdna-agent:x:\n"), nobody);
});
