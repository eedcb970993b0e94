import assert from "node:assert/strict";
import { test } from "node:test";
import { containerOf } from "./container_name.ts";

const ID = "0123456789abcdef".repeat(4);
const UID = "11111111-2222-3333-4444-555555555555";

test("a link of the kubelet's names pod, namespace, container and the container's id", () => {
  assert.deepEqual(containerOf(`/var/log/containers/web-7d4b9c-x2x1z_shop_nginx-${ID}.log`), {
    namespace: "shop",
    pod: "web-7d4b9c-x2x1z",
    container: "nginx",
    containerId: ID,
    uid: undefined,
  });
});

test("a container's name may have dashes and hexadecimal digits", () => {
  const { container, containerId } = containerOf(`/var/log/containers/p_ns_side-car-bad0-${ID}.log`) ?? {};
  assert.deepEqual([container, containerId], ["side-car-bad0", ID]);
});

test("a pod's name may have dots", () => {
  assert.equal(
    containerOf(`/var/log/containers/kube-proxy-ip-10-0-0-1.ec2.internal_kube-system_proxy-${ID}.log`)?.pod,
    "kube-proxy-ip-10-0-0-1.ec2.internal",
  );
});

test("a link whose id the kubelet had to cut names the rest", () => {
  const start = `${"p".repeat(200)}_ns_web-`;
  const name = `${start}${ID.slice(0, 255 - start.length - ".log".length)}.log`;
  assert.equal(name.length, 255);
  assert.deepEqual(containerOf(`/var/log/containers/${name}`), {
    namespace: "ns",
    pod: "p".repeat(200),
    container: "web",
    containerId: undefined,
    uid: undefined,
  });
});

test("a log of a pod names namespace, pod, uid and container", () => {
  const name = { namespace: "shop", pod: "web-7d4b9c-x2x1z", container: "nginx", containerId: undefined, uid: UID };
  const directory = `/var/log/pods/shop_web-7d4b9c-x2x1z_${UID}/nginx`;
  for (const file of ["0.log", "12.log", "0.log.20260101-000000", "0.log.20260101-000000.gz"])
    assert.deepEqual(containerOf(`${directory}/${file}`), name);
});

test("the uid of a pod from a file on the node is a hash", () => {
  const uid = "0123456789abcdef0123456789abcdef";
  assert.equal(containerOf(`/var/log/pods/kube-system_etcd-node1_${uid}/etcd/0.log`)?.uid, uid);
});

test("other paths are of no container", () => {
  for (const path of [
    "/var/log/syslog",
    "/var/log/containers/app.log",
    `/var/log/containers/p_ns_c-${ID}.log.1`,
    `/var/log/containers/p_ns_c-${ID.slice(1)}.log`,
    `/var/log/containers/p_ns_c-${ID}0.log`,
    `/var/log/containers/p_ns_x/c-${ID}.log`,
    `/var/log/containers/p_n.s_c-${ID}.log`,
    `/var/log/containers/P_ns_c-${ID}.log`,
    `/var/log/containers/-p_ns_c-${ID}.log`,
    `/var/log/containers/p_ns_-${ID}.log`,
    `/var/log/pods/ns_p_${UID}/c/x.log`,
    `/var/log/pods/ns_p_${UID}/c/d/0.log`,
    `/var/log/pods/ns_p_${UID}/0.log`,
    `/var/log/pods/ns_p/c/0.log`,
    `/var/log/pods/ns_p_${UID}/c/0.log.20260101-000000.tmp`,
  ])
    assert.equal(containerOf(path), undefined, path);
});

test("a name of the kubelet's elsewhere is of no container: whoever owns that directory chose it", () => {
  assert.equal(containerOf(`/var/log/app/containers/p_ns_c-${ID}.log`), undefined);
  assert.equal(containerOf(`/srv/containers/p_ns_c-${ID}.log`), undefined);
  assert.equal(containerOf(`/var/log/app/pods/ns_p_${UID}/c/0.log`), undefined);
});

test("another directory may take the place of /var/log", () => {
  const path = `/host/var/log/containers/p_ns_c-${ID}.log`;
  assert.equal(containerOf(path), undefined);
  assert.equal(containerOf(path, "/host/var/log")?.pod, "p");
});
