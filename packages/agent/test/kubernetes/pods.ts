import type { ApiObject } from "./object_store.ts";

/** A pod with one container, on a node or on none yet. */
export function pod(
  name: string,
  nodeName: string | undefined,
  { image = "registry.example:5000/team/web:1.2", labels = { app: "web" }, annotations = {} }: PodTexts = {},
): ApiObject {
  return {
    metadata: { name, labels, annotations },
    spec: { nodeName, containers: [{ name: "web", image }], automountServiceAccountToken: false },
  };
}

interface PodTexts {
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What the kubelet tells of a pod once its container runs. */
export function running(containerId: string): unknown {
  return {
    status: {
      phase: "Running",
      containerStatuses: [
        {
          ...{ name: "web", image: "web", imageID: "web", ready: true, restartCount: 0 },
          containerID: `containerd://${containerId}`,
          state: { running: { startedAt: new Date().toISOString().replace(/\.\d+/, "") } },
        },
      ],
    },
  };
}
