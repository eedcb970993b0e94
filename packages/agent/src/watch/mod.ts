/** Directory watching: which entries of which directories may have changed. See {@link WatchSink} for what is told. */
export type {
  EntryReason,
  WatchBackend,
  Watcher,
  WatcherOptions,
  WatchReport,
  WatchSink,
  WatchStats,
} from "./sink.ts";
export { createWatcher } from "./watcher.ts";
