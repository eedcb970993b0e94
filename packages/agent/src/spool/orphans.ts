import { SPOOLED_DEVICE } from "../state/spool_records.ts";
import type { KnownFile, StateStore } from "../state/state_store.ts";
import { findOrphans, type Orphan, type Stray, setAside } from "./unknown_segments.ts";

/** What was found in the spool that the state did not know. */
export interface Adoption {
  readonly files: number;
  readonly segments: number;
  /** What was removed, or set aside. */
  readonly strays: readonly Stray[];
}

/**
 * Notes segments that the state does not know: it was moved away, or a power loss took what it knew last. What they hold is read
 * from where the first of them begins, so lines may be sent again, and none is lost.
 * @throws an error of the system, or of SQLite: then nothing is noted.
 */
export function adoptOrphans(state: StateStore): Adoption {
  const { orphans, strays } = findOrphans(state.directory, state.spool);
  const aside: Stray[] = [];
  let files = 0;
  let segments = 0;
  state.transaction(() => {
    for (const group of Map.groupBy(orphans, fileOf).values()) {
      group.sort((a, b) => a.header.start - b.header.start);
      const [some] = group;
      if (some === undefined) continue;
      const known = knownOf(state, some);
      const adopted: Orphan[] = [];
      for (const orphan of group) {
        // Of one file no two segments hold the same bytes, unless somebody copied one.
        if ([...known.ranges, ...adopted.map(({ header }) => header)].some((range) => overlaps(range, orphan.header)))
          aside.push(setAside(state.directory, orphan, "what it holds is there already"));
        else adopted.push(orphan);
      }
      const [first] = adopted;
      if (first === undefined) continue;
      note(state, known.fileId ?? addFile(state, first), adopted);
      files += 1;
      segments += adopted.length;
    }
  });
  return { files, segments, strays: [...strays, ...aside] };
}

function fileOf({ header: { state, fileId, path } }: Orphan): string {
  return `${state} ${fileId} ${path}`;
}

/** The file that segments are of where this state knows it, and what it has of it. */
function knownOf(
  state: StateStore,
  { header }: Orphan,
): { fileId: number | undefined; ranges: readonly { readonly start: number; readonly end: number }[] } {
  const isSame = ({ id, dev, path }: KnownFile): boolean =>
    id === header.fileId && dev === SPOOLED_DEVICE && path === header.path;
  const file = header.state === state.spool.identity() ? state.files().find(isSame) : undefined;
  const ranges = state.spool.segments().filter(({ fileId }) => fileId === file?.id);
  return { fileId: file?.id, ranges };
}

function addFile(state: StateStore, { id, header }: Orphan): number {
  const { path, headLength, headCrc, start, end, offset, lineStart, part } = header;
  const isIn = offset >= start && offset < end;
  const checkpoint = {
    ...(isIn ? { offset, lineStart, part } : { offset: start, lineStart: start, part: 0 }),
    anchor: new Uint8Array(0),
  };
  const file = { dev: SPOOLED_DEVICE, ino: -BigInt(id), born: 0n, path, headLength, headCrc, checkpoint };
  const fileId = state.addFile(file);
  state.beginSpool(fileId, 0);
  return fileId;
}

function note(state: StateStore, fileId: number, orphans: readonly Orphan[]): void {
  for (const { id, header, size } of orphans)
    state.spool.adopt({ id, fileId, start: header.start, end: header.end, size });
  const sizes = orphans.map(({ header }) => header.size);
  state.spool.setSize(fileId, Math.max(state.spool.sizes().get(fileId) ?? 0, ...sizes));
}

function overlaps(
  a: { readonly start: number; readonly end: number },
  b: { readonly start: number; readonly end: number },
): boolean {
  return a.start < b.end && b.start < a.end;
}
