/** Directory watching: which entries of which directories may have changed. See {@link WatchSink} for what is told. */
export type { Watcher, WatchReport } from "./sink.ts";
export { createWatcher } from "./watcher.ts";
