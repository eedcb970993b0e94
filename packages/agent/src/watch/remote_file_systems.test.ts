import assert from "node:assert/strict";
import { test } from "node:test";
import { RemoteFileSystems, remoteType } from "./remote_file_systems.ts";

test("file systems that other machines change are known by their number, also a negative one", () => {
  assert.equal(remoteType(0x6969), "NFS");
  assert.equal(remoteType(0xff534d42), "CIFS");
  assert.equal(remoteType(0xff534d42 | 0), "CIFS");
  assert.equal(remoteType(0xef53), undefined, "ext4");
  assert.equal(remoteType(0x01021994), undefined, "tmpfs");
});

test("a local file system is not remote, and a device is asked about once until it is forgotten", async () => {
  const known = new RemoteFileSystems(() => assert.fail("nothing to report"));
  assert.equal(await known.isRemote(1n, "/proc", "/proc"), false);
  assert.equal(await known.isRemote(1n, "/does/not/exist", "/proc"), false);
  known.forget();
  await assert.rejects(known.isRemote(1n, "/does/not/exist", "/proc"), { code: "ENOENT" });
});
