import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeLibc } from "./fake_libc.ts";
import type { Libc } from "./libc.ts";
import { makeMountsReadOnly, writableMountsOf } from "./mounts.ts";

const TABLE = `22 1 254:0 / / ro,relatime - ext4 /dev/vda rw
30 22 0:30 / /var/log rw,relatime shared:5 - ext4 /dev/vdb rw
31 22 0:31 / /var/log\\040two ro,nosuid - ext4 /dev/vdc rw
32 30 0:32 / /var/log/app rw - tmpfs tmpfs rw
33 30 0:33 / /var/log/app ro - tmpfs tmpfs rw
`;

test("of the mounts that paths are on, those that can be written to are found", () => {
  assert.deepEqual(writableMountsOf(["/etc/hosts", "/usr"], TABLE), []);
  assert.deepEqual(writableMountsOf(["/var/log/a", "/var/log", "/etc"], TABLE), ["/var/log"]);
  assert.deepEqual(writableMountsOf(["/var/logs", "/var/log two/x"], TABLE), []);
  // What is mounted over a mount hides it.
  assert.deepEqual(writableMountsOf(["/var/log/app/x"], TABLE), []);
});

const policy = { stateDirectory: "/var/lib/logdna", logs: ["/"] } as const;

test("where no mount namespace can be had, it is told which logs could be written to", () => {
  const outcome = makeMountsReadOnly(fakeLibc({ unshare: () => ({ code: "EPERM" }) }), policy);
  const writable = writableMountsOf(["/"]).length > 0;
  assert.equal(outcome.state, writable ? "unavailable" : "applied");
  if (writable) assert.match(outcome.detail, /EPERM; and \/ can be written to/);
});

test("where access time flags are locked, the mounts become read-only all the same", () => {
  const asked: bigint[] = [];
  const syscall: Libc["syscall"] = (_name, _at, _path, _flags, attributes) => {
    const set = Buffer.isBuffer(attributes) ? attributes.readBigUInt64LE(0) : 0n;
    asked.push(set);
    return set === 0x11n ? { code: "EPERM" } : { value: 0 };
  };
  const outcome = makeMountsReadOnly(fakeLibc({ syscall }), policy);
  assert.deepEqual(asked, [0x11n, 1n, 0n]);
  assert.equal(outcome.state, "applied");
});

test("what fails is told with the system's word", () => {
  const failing = (calls: Partial<Libc>): string => {
    const { state, detail } = makeMountsReadOnly(fakeLibc(calls), policy);
    return `${state}: ${detail}`;
  };
  assert.equal(
    failing({ mount: () => ({ code: "EINVAL" }) }),
    "failed: making the mounts slaves of the host's: EINVAL",
  );
  assert.equal(failing({ syscall: () => ({ code: "EINVAL" }) }), "failed: making every mount read-only: EINVAL");
  assert.match(failing({ syscall: () => ({ code: "ENOSYS" }) }), /needs Linux 5\.12/);
});
