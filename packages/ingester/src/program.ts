import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Confinement } from "@logdna-agent/confinement";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Client } from "./commands/client.ts";
import { type ShowOptions, search, tail } from "./commands/search.ts";
import { confineServer, startOf } from "./confinement/confine_server.ts";
import { isHttpUrl, OPTIONS, OptionError, type OptionRow, readSettings } from "./options.ts";

/** Exit status for a command line or environment that is not right (EINVAL). */
const USAGE_STATUS = 22;

const { version }: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

interface ReadFlags {
  readonly url: string;
  readonly dataDir: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly json: boolean;
  readonly since?: number;
  readonly limit?: number;
}

/**
 * The program `logdna-ingester`.
 * @param confinement what the process is confined to already.
 * @returns the exit status.
 */
export async function run(
  givenArgv: readonly string[],
  givenEnv: NodeJS.ProcessEnv,
  confinement?: Confinement,
): Promise<number> {
  const start = startOf(confinement, givenArgv, givenEnv);
  const { argv, env } = start;
  let status = 0;
  const program = new Command("logdna-ingester")
    .description(
      "Receives log lines over the LogDNA ingestion protocol, stores them, searches them and shows them live.",
    )
    .version(version, "--version")
    .showSuggestionAfterError()
    .allowExcessArguments(false)
    .enablePositionalOptions()
    .exitOverride()
    .action(async (flags: Record<string, unknown>) => {
      const settings = readSettings(flags, env);
      const unconfined = confinement === undefined ? await confineServer(settings, start) : undefined;
      // Not before: loading the engine and the web server is nothing for root.
      const { serve } = await import("./commands/serve.ts");
      status = await serve(settings, confinement ?? unconfined);
    });
  for (const [name, row] of Object.entries(OPTIONS)) program.addOption(optionOf(name, row));

  addReadOptions(program.command("search"), env)
    .description("Print stored lines that fit a query, the newest last.")
    .option("--limit <n>", "lines to print at most", whole, 200)
    .option("--since <minutes>", "only lines of the last minutes", whole)
    .action(async (query: readonly string[], given: ReadFlags, command: Command) => {
      const flags = { ...given, ...flagsBefore(command) };
      const parameters = new URLSearchParams({ q: query.join(" ") });
      if (flags.since !== undefined) parameters.set("from", String(Date.now() - flags.since * 60_000));
      await search(clientOf(flags), parameters, flags.limit ?? 200, showing(flags));
    });
  addReadOptions(program.command("tail"), env)
    .description("Print lines that fit a query as they arrive.")
    .action((query: readonly string[], given: ReadFlags, command: Command) => {
      const flags = { ...given, ...flagsBefore(command) };
      return tail(clientOf(flags), new URLSearchParams({ q: query.join(" ") }), showing(flags));
    });

  try {
    await program.parseAsync([...argv], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_STATUS;
    process.stderr.write(`logdna-ingester: ${error instanceof Error ? error.message : error}\n`);
    return error instanceof OptionError ? USAGE_STATUS : 1;
  }
}

/** Words of a query come as they are; `-word` would look like a flag, so everything behind `--` is query. */
function addReadOptions(command: Command, env: NodeJS.ProcessEnv): Command {
  return command
    .exitOverride()
    .argument(
      "[query...]",
      'words, "phrases", -word and host:, app:, file:, level:, env:, tag: terms; put -- before a query with -word',
    )
    .option("--url <url>", "the server", env.LOGDNA_INGESTER_URL ?? "https://localhost:8443")
    .option(
      "--data-dir <dir>",
      "the server's data directory, for its token and authority",
      env[OPTIONS.dataDir.env] ?? OPTIONS.dataDir.fallback,
    )
    .option("--token-file <file>", "file with the read token; or LOGDNA_INGESTER_TOKEN")
    .option("--ca-file <file>", "authority of the server's certificate")
    .option("--json", "one JSON object a line", false);
}

/**
 * Flags that were given before the name of the command and not behind it.
 * @throws {OptionError} for one that the command does not have.
 */
function flagsBefore(command: Command): Partial<ReadFlags> {
  const { parent } = command;
  const found: Record<string, unknown> = {};
  for (const [name, { flag }] of Object.entries(OPTIONS)) {
    if (parent?.getOptionValueSource(name) !== "cli") continue;
    if (!command.options.some(({ long }) => long === flag))
      throw new OptionError(`${flag} is for the server, and not for ${command.name()}.`);
    if (command.getOptionValueSource(name) !== "cli") found[name] = parent.getOptionValue(name);
  }
  return found;
}

function optionOf(name: string, row: OptionRow): Option {
  const usage = row.value === undefined ? row.flag : `${row.flag} <${row.value}>`;
  const fallback = row.fallback === undefined ? "" : ` Default: ${row.fallback}.`;
  const option = new Option(usage, `${row.description} Also: ${row.env}.${fallback}`);
  // The table's name is where the value is looked for, whatever the flag is called.
  option.attributeName = () => name;
  return option;
}

function clientOf({ url, dataDir, tokenFile, caFile }: ReadFlags): Client {
  if (!isHttpUrl(url)) throw new OptionError(`--url: "${url}" is not a URL such as https://localhost:8443.`);
  return new Client({ url, dataDir, tokenFile, caFile });
}

function showing({ json }: ReadFlags): ShowOptions {
  const { stdout } = process;
  // Whoever read the output has gone, as `head` does: nothing is left to do.
  stdout.on("error", () => process.exit(0));
  const write = async (text: string): Promise<void> => {
    if (!stdout.write(text)) await once(stdout, "drain");
  };
  return { json, colours: stdout.isTTY === true, write };
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It must be a whole number above 0.");
  return Number(text);
}
