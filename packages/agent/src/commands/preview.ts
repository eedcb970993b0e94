import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { basename, dirname, join, resolve } from "node:path";
import { trustedPath } from "@logdna-agent/confinement";
import { CONFIG_ERROR_STATUS, type Config } from "../config/mod.ts";
import { type PreviewArguments, readArguments, SHOWN, type Shown } from "../preview/arguments.ts";
import { followedBy } from "../preview/followed.ts";
import { leaveRoot } from "../preview/leave_root.ts";
import { type LogSource, openedFile, streamed } from "../preview/log_source.ts";
import type { PreviewLine } from "../preview/preview_line.ts";
import { Previewer, type PreviewerOptions } from "../preview/previewer.ts";
import { TextRenderer } from "../preview/render.ts";
import { JsonRenderer } from "../preview/render_json.ts";
import { RuleNames } from "../preview/rule_names.ts";
import { Tally } from "../preview/summary.ts";
import { createRedactor, keptSalt } from "../rules/redaction/mod.ts";
import { loadOrTell } from "./load_or_tell.ts";
import type { Start } from "./start.ts";
import { type LoadedConfig, tellErrors, tellWarnings } from "./tell.ts";

/** Exit status when a file could not be read. */
const UNREADABLE_STATUS = 1;
/** What standard input is to the rules, unless it is told. */
const STANDARD_INPUT = "/dev/stdin";

const HELP = `Usage: logdna-agent preview [--json] [--lines N] [--as PATH] [--only KIND] FILE... [OPTION]...

Shows the lines of files as an agent with the same options, variables and configuration files would ship them: joined,
redacted and in parts; those that it would not ship, with the rule that leaves them out; and a summary. It also says whether
the agent follows the file. It sends nothing, writes nothing, needs no key and no running agent, and takes no privilege
but that of reading the files; started as root, it becomes another user once they are open. "-" is standard input.

Files belong in front of flags that take a list, such as --line-exclusion, or behind "--".

In front of each line is what becomes of it: "-" it is not shipped, "~" something in it is redacted, "+" it is a line of the
agent's own; then its number in the file.

  --as PATH
      The path by which rules count, for a copy of a log or for standard input.
  --lines N
      Look at the first N lines of each file.
  --only KIND
      Show only such lines: ${SHOWN.join(", ")}. The summary counts all.
  --json
      Print one JSON object a line.

Limits on the rate of lines are not applied, since the lines do not come at their times.

Exit status: 0, 1 when a file could not be read, 22 for a configuration with errors.
`;

/** `logdna-agent preview`. @param argv the command line behind the name of the command. @returns the exit status. */
export async function preview({ argv, env }: Start): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  const asked = readArguments(argv);
  const loaded = loadOrTell({ argv: asked.argv, env, keyIsOptional: true, takesOperands: true });
  if (loaded === 0) return loaded;
  tellErrors(asked.problems);
  if (typeof loaded === "number") return loaded;
  if (asked.problems.length > 0) return CONFIG_ERROR_STATUS;
  tellWarnings(loaded.warnings);
  return new Preview(loaded, asked).show();
}

interface Opened {
  readonly path: string;
  /** What it is to the rules. */
  readonly as: string;
  readonly source: LogSource | Error;
}

class Preview {
  readonly #asked: PreviewArguments;
  readonly #config: Config;
  readonly #previewer: Previewer;
  readonly #names: RuleNames;
  readonly #tally: Tally;
  readonly #out: TextRenderer | JsonRenderer;
  readonly #notes: string[];

  constructor(loaded: LoadedConfig, asked: PreviewArguments) {
    const { config } = loaded;
    this.#asked = asked;
    this.#config = config;
    this.#notes = notesOf(config);
    this.#previewer = new Previewer({ config, createRedactor: this.#redactors() });
    this.#names = new RuleNames(loaded);
    this.#tally = new Tally(this.#names);
    const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
    this.#out = asked.json ? new JsonRenderer(this.#names) : new TextRenderer(this.#names, { colours });
  }

  async show(): Promise<number> {
    // Whoever reads what is written may have had enough of it.
    process.stdout.on("error", () => process.exit(0));
    const files = this.#asked.files.map((path) => this.#open(path));
    const followed = followedBy(this.#config, this.#names);
    const heads = files.map(({ path, as }) => ({
      path,
      as,
      followed: as === STANDARD_INPUT ? undefined : followed(as),
      fields: this.#previewer.fieldsOf?.(as) ?? { file: as },
    }));
    const stays = leaveRoot();
    if (stays !== undefined) tellWarnings([`root cannot be left: ${stays}`]);
    let unreadable = 0;
    for (const [at, { path, as, source }] of files.entries()) {
      const head = heads[at];
      if (at > 0 && !this.#asked.json) await write("\n");
      if (head !== undefined) await write(this.#out.file(head));
      try {
        if (source instanceof Error) throw source;
        await this.#showLines(source, as, path);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        unreadable += 1;
        this.#tally.fail();
        if (this.#out instanceof JsonRenderer) await write(this.#out.error(path, error.message));
        else tellErrors([`${nameOf(path)}: ${error.message}`]);
      }
    }
    await write(this.#out.summary(this.#tally.summary, this.#notes));
    return unreadable > 0 ? UNREADABLE_STATUS : 0;
  }

  async #showLines(source: LogSource, as: string, path: string): Promise<void> {
    this.#tally.begin();
    let isOpen = false;
    for await (const chunk of this.#previewer.lines(source, as, this.#asked.lines)) {
      this.#tally.add(chunk);
      isOpen = chunk.isOpen;
      const shown = chunk.lines.filter((line) => isShown(line, this.#asked.only));
      await write(shown.map((line) => this.#out.line(line)).join(""));
    }
    source.close();
    if (isOpen)
      this.#notes.push(
        `the last line of ${nameOf(path)} has no newline: the agent waits until it has one, or the file is rotated`,
      );
  }

  #open(path: string): Opened {
    const { as: given } = this.#asked;
    if (path === "-") {
      const as = given === undefined ? STANDARD_INPUT : realPath(given);
      return { path, as, source: streamed(0, this.#previewer.lookback) };
    }
    const as = realPath(given ?? path);
    try {
      return { path, as, source: openedFile(path) };
    } catch (error) {
      return { path, as, source: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  /** What redacts by presets. The key of hashes is the agent's, where it may be read; none is made and kept. */
  #redactors(): PreviewerOptions["createRedactor"] {
    const { dbPath, redactSalt } = this.#config;
    let kept: Buffer | undefined;
    const salt = (): Buffer => {
      if (kept !== undefined) return kept;
      kept = keptSalt(dbPath, redactSalt);
      if (kept === undefined)
        this.#notes.push(
          `hashes are others than the agent's: its salt in ${dbPath} is not there yet, or not to be read by this user`,
        );
      kept ??= randomBytes(32);
      return kept;
    };
    return (presets, style) => createRedactor({ presets, style, salt: style === "hash" ? salt() : Buffer.alloc(0) });
  }
}

/** What is not as in the agent. */
function notesOf({ rateLimit, sample, pathRules }: Config): string[] {
  const all = [{ rateLimit, sample }, ...pathRules];
  return [
    ...(all.some((rules) => rules.rateLimit !== undefined)
      ? ["log.line_rate_limit is not applied here: the lines do not come at their times"]
      : []),
    ...(all.some((rules) => (rules.sample ?? 1) < 1)
      ? ["the share of log.line_sample is as large as the agent's, but of other lines"]
      : []),
  ];
}

function isShown({ shipped, changed }: PreviewLine, only: Shown | undefined): boolean {
  switch (only) {
    case undefined:
      return true;
    case "shipped":
      return shipped !== undefined;
    case "excluded":
      return shipped === undefined;
    case "redacted":
      return changed;
  }
}

function nameOf(path: string): string {
  return path === "-" ? "standard input" : path;
}

/** The path that the agent would have of a file: its directory under its real name. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return join(trustedPath(dirname(absolute)).path, basename(absolute));
  } catch {
    return absolute;
  }
}

async function write(text: string): Promise<void> {
  if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
}
