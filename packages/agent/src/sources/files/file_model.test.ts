import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { fileSetIn } from "../../../test/file_set.ts";
import type { SentRange } from "../../chunk.ts";
import { Joiner } from "../../lines/multiline/joiner.ts";
import { StateStore } from "../../state/state_store.ts";
import { type Content, FileModel } from "./file_model.ts";
import type { FileSet } from "./file_set.ts";

/** What an agent that was alive at a moment has seen for certain is older than that. */
const LAG_MS = 60_000;
/** Sequences that are tried, always the same; `MODEL_RUNS=10000 npm test -- file_model` tries others, and more. */
const RUNS = Number(process.env.MODEL_RUNS ?? 1000);
const USUAL_SEED = 1;
const NAMES = ["a.log", "b.log"] as const;
const TICK_MS = 50;
/** Rotated forms of a log that are kept. */
const KEPT = 4;
/** As long as a suspected copy is waited for, and more. */
const SETTLE_MS = 12_000;

/** What may happen; `file` is an index of `NAMES`. */
type Action =
  | { readonly do: "append"; readonly file: number; readonly lines: number }
  | { readonly do: "rotate" | "copyTruncate" | "truncate" | "delete"; readonly file: number }
  | { readonly do: "read"; readonly chunks: number }
  | { readonly do: "acknowledge"; readonly which: number }
  | { readonly do: "save" | "crash" | "restart" }
  | { readonly do: "pass"; readonly ms: number }
  /** The reader stands still. */
  | { readonly do: "stop" }
  /** It goes on, and polls and reads after so many of the events that came meanwhile. */
  | { readonly do: "goOn"; readonly events: number; readonly polls: boolean; readonly chunks: number };

const file = fc.nat({ max: NAMES.length - 1 });
const ACTION: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("append" as const), file, lines: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("rotate", "copyTruncate", "truncate", "delete"), file }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("read" as const), chunks: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("acknowledge" as const), which: fc.nat({ max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("save", "crash", "restart") }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: TICK_MS, max: 8000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("stop" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("goOn" as const),
      events: fc.nat({ max: 12 }),
      polls: fc.boolean(),
      chunks: fc.nat({ max: 3 }),
    }),
  },
);

interface Sent {
  readonly range: SentRange;
  readonly lines: readonly string[];
}

/** The reader on real files, with a clock that the test moves, beside the model. */
class Bench {
  readonly #t: TestContext;
  readonly #root: string;
  readonly #logs: string;
  readonly #joiner: Joiner | undefined;
  readonly #model: FileModel;
  /** What is at each path, and what copies of it there are. */
  readonly #at = new Map<string, Content>();
  #state: StateStore;
  #files: FileSet;
  #sent: Sent[] = [];
  #now = 1000;
  /** What the reader is told when it goes on; undefined while it runs. */
  #untold: ((files: FileSet) => void)[] | undefined;
  /** Since when it stands still, in milliseconds since the epoch. */
  #stoppedAt = 0;
  #modified = Date.now();

  /** @param joiner lines wait in the files for what would continue them. */
  constructor(t: TestContext, joiner?: Joiner) {
    this.#t = t;
    this.#joiner = joiner;
    // What waits in a rotated file is not waited for by the next one.
    this.#model = new FileModel(joiner === undefined);
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), "model-")));
    this.#logs = join(this.#root, "logs");
    mkdirSync(this.#logs);
    this.#state = StateStore.open(join(this.#root, "state"));
    this.#files = this.#follow();
  }

  apply(action: Action): void {
    switch (action.do) {
      case "append":
        return this.#append(this.#path(action.file), action.lines);
      case "rotate":
        return this.#rotate(this.#path(action.file));
      case "copyTruncate":
        return this.#copyTruncate(this.#path(action.file));
      case "truncate":
        return this.#truncate(this.#path(action.file));
      case "delete":
        return this.#delete(this.#path(action.file));
      case "read":
        if (this.#untold === undefined) this.#read(action.chunks);
        return;
      case "acknowledge":
        return this.#acknowledge(action.which % Math.max(1, this.#sent.length));
      case "save":
        return this.#save();
      case "crash":
        return this.#startAnew(false);
      case "restart":
        this.#goOn(0, false, 0);
        return this.#startAnew(true);
      case "stop":
        return this.#stop();
      case "goOn":
        return this.#goOn(action.events, action.polls, action.chunks);
      case "pass":
        return this.#pass(action.ms);
    }
  }

  /** Lets everything come to rest, and checks that nothing is missing. */
  settle(): void {
    this.#goOn(0, true, 1);
    for (let round = 0; round < 3; round += 1) {
      this.#pass(SETTLE_MS);
      while (this.#readOne());
      while (this.#sent.length > 0) this.#acknowledge(0);
      this.#save();
    }
    this.#model.complete();
  }

  close(): void {
    this.#files.close();
    this.#state.close();
    rmSync(this.#root, { recursive: true });
  }

  #path(index: number): string {
    return join(this.#logs, NAMES[index] ?? NAMES[0]);
  }

  #follow(): FileSet {
    const files = fileSetIn(this.#logs, {
      joinerFor: () => this.#joiner,
      maxOpenFiles: 100,
      state: this.#state,
      clock: () => this.#now,
    });
    for (const name of readdirSync(this.#logs)) files.entry(join(this.#logs, name), "scan");
    files.scanned();
    return files;
  }

  /** The reader is told something, now or when it goes on. */
  #tell(event: (files: FileSet) => void): void {
    if (this.#untold === undefined) event(this.#files);
    else this.#untold.push(event);
  }

  #stop(): void {
    if (this.#untold !== undefined) return;
    this.#untold = [];
    this.#stoppedAt = Date.now();
  }

  #goOn(events: number, polls: boolean, chunks: number): void {
    const untold = this.#untold ?? [];
    this.#untold = undefined;
    for (const event of untold.splice(0, events)) event(this.#files);
    if (polls) this.#pass(TICK_MS);
    this.#read(chunks);
    for (const event of untold) event(this.#files);
  }

  #append(path: string, lines: number): void {
    const isNew = !existsSync(path);
    let content = this.#at.get(path);
    if (isNew || content === undefined) {
      content = this.#model.create(path);
      this.#at.set(path, content);
    }
    let text = "";
    // Some are longer than what a file is known by.
    const times = content.id % 2 === 0 ? 1 : 150;
    for (let n = 0; n < lines; n += 1) text += `${`${this.#model.write(content)} `.repeat(times)}\n`;
    appendFileSync(path, text);
    this.#stamp(path);
    this.#tell((files) => files.entry(path, isNew ? "created" : "changed"));
  }

  #rotate(path: string): void {
    if (!existsSync(path)) return;
    this.#shift(path);
    this.#rename(path, `${path}.1`);
    writeFileSync(path, "");
    this.#at.set(path, this.#model.create(path));
    this.#tell((files) => files.entry(path, "created"));
  }

  #copyTruncate(path: string): void {
    if (!existsSync(path)) return;
    this.#shift(path);
    const to = `${path}.1`;
    copyFileSync(path, to);
    this.#stamp(to);
    this.#tell((files) => files.entry(to, "created"));
    // A moment in which the reader may see both.
    this.#pass(TICK_MS);
    truncateSync(path);
    this.#stamp(path);
    this.#moves(path, to);
    this.#at.set(path, this.#model.create(path));
    this.#tell((files) => files.entry(path, "changed"));
    this.#pass(TICK_MS);
  }

  #truncate(path: string): void {
    const content = this.#at.get(path);
    if (!existsSync(path) || content === undefined) return;
    truncateSync(path);
    content.gone = true;
    content.overwritten = true;
    this.#at.set(path, this.#model.create(path));
    this.#tell((files) => files.entry(path, "changed"));
    this.#pass(TICK_MS);
  }

  #delete(path: string): void {
    if (!existsSync(path)) return;
    this.#leaves(path);
    unlinkSync(path);
    this.#tell((files) => files.removed(path));
  }

  /** The kernel's clock ticks between two changes: what happens within one tick has no order where it has no names. */
  #stamp(path: string): void {
    this.#modified += 1;
    utimesSync(path, this.#modified / 1000, this.#modified / 1000);
  }

  /** Makes room for the newest rotated form, as logrotate does. */
  #shift(path: string): void {
    this.#delete(`${path}.${KEPT}`);
    for (let n = KEPT - 1; n >= 1; n -= 1)
      if (existsSync(`${path}.${n}`)) this.#rename(`${path}.${n}`, `${path}.${n + 1}`);
  }

  #rename(from: string, to: string): void {
    renameSync(from, to);
    this.#moves(from, to);
    this.#tell((files) => files.renamed(from, to));
  }

  /** What is at a path goes. */
  #leaves(path: string): void {
    const content = this.#at.get(path);
    if (content !== undefined) {
      content.gone = true;
      // Nobody who stands still can open it.
      if (this.#untold !== undefined) content.excused = true;
    }
    this.#at.delete(path);
  }

  #moves(from: string, to: string): void {
    const content = this.#at.get(from);
    if (content !== undefined) this.#at.set(to, content);
    this.#at.delete(from);
  }

  #read(chunks: number): void {
    for (let n = 0; n < chunks && this.#readOne(); n += 1);
  }

  #readOne(): boolean {
    const chunk = this.#files.next();
    if (chunk === undefined) return false;
    const text = chunk.bytes.toString("latin1");
    const lines = text.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(0, line.indexOf(" "))]));
    for (const line of lines) this.#model.read(line);
    this.#sent.push({ range: chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length)), lines });
    return true;
  }

  #acknowledge(which: number): void {
    if (this.#untold !== undefined) return;
    const [sent] = this.#sent.splice(which, 1);
    if (sent === undefined) return;
    sent.range.acknowledge();
    this.#model.acknowledge(sent.lines);
  }

  #save(): void {
    if (this.#untold !== undefined) return;
    this.#state.transaction(() => this.#files.saveCheckpoints());
    this.#files.checkpointsSaved();
    this.#model.saved();
  }

  #startAnew(clean: boolean): void {
    if (clean) this.#save();
    this.#model.crashed();
    this.#sent = [];
    this.#files.close();
    this.#state.setAlive((this.#untold === undefined ? Date.now() : this.#stoppedAt) - LAG_MS);
    this.#untold = undefined;
    this.#state.close();
    this.#state = StateStore.open(join(this.#root, "state"));
    this.#files = this.#follow();
  }

  #pass(ms: number): void {
    for (const until = this.#now + ms; this.#now < until; ) {
      this.#now += TICK_MS;
      if (this.#untold === undefined) this.#t.mock.timers.tick(TICK_MS);
    }
  }
}

test("whatever happens to files and to the reader, each line comes, in its order over all rotations, and again only when it was not safe", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  fc.assert(
    fc.property(fc.array(ACTION, { minLength: 1, maxLength: 40, size: "max" }), (actions) => {
      const bench = new Bench(t);
      try {
        for (const action of actions) bench.apply(action);
        bench.settle();
      } finally {
        bench.close();
      }
    }),
    { numRuns: RUNS, examples: [[REUSED_INODE]], ...replay() },
  );
});

test("lines that wait in their files for what would continue them come as well, whatever happens", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  // No line continues another, and each could.
  const rule = { presets: [], start: "^", continuation: undefined, maxLines: 1000, maxBytes: 1000 };
  fc.assert(
    fc.property(
      fc.array(ACTION, { minLength: 1, maxLength: 40, size: "max" }),
      fc.constantFrom(50, 1000, 5000),
      (actions, timeout) => {
        const bench = new Bench(t, new Joiner({ ...rule, timeout }));
        try {
          for (const action of actions) bench.apply(action);
          bench.settle();
        } finally {
          bench.close();
        }
      },
    ),
    { numRuns: RUNS / 4, ...replay() },
  );
});

/** The copy gets the inode number of the rotated file that made room for it, as far as the file system likes. */
const REUSED_INODE: Action[] = [
  { do: "append", file: 1, lines: 1 },
  { do: "read", chunks: 1 },
  { do: "rotate", file: 1 },
  { do: "append", file: 0, lines: 1 },
  { do: "acknowledge", which: 0 },
  { do: "append", file: 1, lines: 1 },
  { do: "restart" },
  { do: "read", chunks: 2 },
  { do: "copyTruncate", file: 1 },
];

/** `MODEL_SEED` and `MODEL_PATH` replay what a failure printed. */
function replay(): { seed?: number; path?: string } {
  const { MODEL_RUNS, MODEL_SEED, MODEL_PATH } = process.env;
  const seed = MODEL_SEED ?? (MODEL_RUNS === undefined ? USUAL_SEED : undefined);
  return {
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  };
}
