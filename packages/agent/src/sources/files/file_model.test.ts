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
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { SentRange } from "../../chunk.ts";
import { Joiner } from "../../lines/multiline/joiner.ts";
import { StateStore } from "../../state/state_store.ts";
import { type Content, FileModel } from "./file_model.ts";
import { FileSet } from "./file_set.ts";

/** Sequences that are tried; `MODEL_RUNS=10000 npm test -- file_model` tries more. */
const RUNS = Number(process.env.MODEL_RUNS ?? 1000);
const NAMES = ["a.log", "b.log"] as const;
const TICK_MS = 50;
/** As long as a suspected copy is waited for, and more. */
const SETTLE_MS = 12_000;

/** What may happen; `file` is an index of `NAMES`. */
type Action =
  | { readonly do: "append"; readonly file: number; readonly lines: number }
  | { readonly do: "rotate" | "copyTruncate" | "truncate" | "delete"; readonly file: number }
  | { readonly do: "read"; readonly chunks: number }
  | { readonly do: "acknowledge"; readonly which: number }
  | { readonly do: "save" | "crash" | "restart" }
  | { readonly do: "pass"; readonly ms: number };

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
  readonly #model = new FileModel();
  /** What is at each path, and what copies of it there are. */
  readonly #at = new Map<string, Content>();
  #state: StateStore;
  #files: FileSet;
  #sent: Sent[] = [];
  #now = 1000;

  /** @param joiner lines wait in the files for what would continue them. */
  constructor(t: TestContext, joiner?: Joiner) {
    this.#t = t;
    this.#joiner = joiner;
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
        for (let n = 0; n < action.chunks && this.#readOne(); n += 1);
        return;
      case "acknowledge":
        return this.#acknowledge(action.which % Math.max(1, this.#sent.length));
      case "save":
        return this.#save();
      case "crash":
        return this.#startAnew(false);
      case "restart":
        return this.#startAnew(true);
      case "pass":
        return this.#pass(action.ms);
    }
  }

  /** Lets everything come to rest, and checks that nothing is missing. */
  settle(): void {
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
    const files = new FileSet({
      roots: [this.#logs],
      includes: (path) => path.endsWith(".log"),
      prunes: () => false,
      lookback: "start",
      limits: { maxPart: 1000, maxLine: 10_000 },
      joinerFor: () => this.#joiner,
      maxOpenFiles: 100,
      state: this.#state,
      emit: () => undefined,
      onReady: () => undefined,
      clock: () => this.#now,
    });
    for (const name of readdirSync(this.#logs)) files.entry(join(this.#logs, name), "scan");
    files.scanned();
    return files;
  }

  #append(path: string, lines: number): void {
    const isNew = !existsSync(path);
    let content = this.#at.get(path);
    if (isNew || content === undefined) {
      content = this.#model.create();
      this.#at.set(path, content);
    }
    const text = Array.from({ length: lines }, () => `${this.#model.write(content)}\n`).join("");
    appendFileSync(path, text);
    this.#files.entry(path, isNew ? "created" : "changed");
  }

  #rotate(path: string): void {
    if (!existsSync(path)) return;
    const to = `${path}.1`;
    this.#leaves(to);
    renameSync(path, to);
    this.#moves(path, to);
    this.#files.renamed(path, to);
    writeFileSync(path, "");
    this.#at.set(path, this.#model.create());
    this.#files.entry(path, "created");
  }

  #copyTruncate(path: string): void {
    if (!existsSync(path)) return;
    const to = `${path}.1`;
    if (existsSync(to)) {
      // logrotate makes room first.
      this.#leaves(to);
      unlinkSync(to);
      this.#files.removed(to);
    }
    copyFileSync(path, to);
    this.#files.entry(to, "created");
    // A moment in which the reader may see both.
    this.#pass(TICK_MS);
    truncateSync(path);
    this.#moves(path, to);
    this.#at.set(path, this.#model.create());
    this.#files.entry(path, "changed");
    this.#pass(TICK_MS);
  }

  #truncate(path: string): void {
    const content = this.#at.get(path);
    if (!existsSync(path) || content === undefined) return;
    truncateSync(path);
    content.gone = true;
    content.overwritten = true;
    this.#at.set(path, this.#model.create());
    this.#files.entry(path, "changed");
    this.#pass(TICK_MS);
  }

  #delete(path: string): void {
    if (!existsSync(path)) return;
    this.#leaves(path);
    unlinkSync(path);
    this.#files.removed(path);
  }

  /** What is at a path goes. */
  #leaves(path: string): void {
    const content = this.#at.get(path);
    if (content !== undefined) content.gone = true;
    this.#at.delete(path);
  }

  #moves(from: string, to: string): void {
    const content = this.#at.get(from);
    if (content !== undefined) this.#at.set(to, content);
    this.#at.delete(from);
  }

  #readOne(): boolean {
    const chunk = this.#files.next();
    if (chunk === undefined) return false;
    const text = chunk.bytes.toString("latin1");
    const lines = text.split("\n").filter((line) => line !== "");
    for (const line of lines) this.#model.read(line);
    this.#sent.push({ range: chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length)), lines });
    return true;
  }

  #acknowledge(which: number): void {
    const [sent] = this.#sent.splice(which, 1);
    if (sent === undefined) return;
    sent.range.acknowledge();
    this.#model.acknowledge(sent.lines);
  }

  #save(): void {
    this.#state.transaction(() => this.#files.saveCheckpoints());
    this.#files.checkpointsSaved();
    this.#model.saved();
  }

  #startAnew(clean: boolean): void {
    if (clean) this.#save();
    this.#model.crashed();
    this.#sent = [];
    this.#files.close();
    this.#state.setAlive(Date.now());
    this.#state.close();
    this.#state = StateStore.open(join(this.#root, "state"));
    this.#files = this.#follow();
  }

  #pass(ms: number): void {
    for (const until = this.#now + ms; this.#now < until; ) {
      this.#now += TICK_MS;
      this.#t.mock.timers.tick(TICK_MS);
    }
  }
}

test("whatever happens to files and to the reader, each line comes, in order, and again only when it was not safe", (t) => {
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
  const { MODEL_SEED, MODEL_PATH } = process.env;
  return {
    ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  };
}
