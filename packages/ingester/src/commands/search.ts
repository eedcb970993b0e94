import type { LinesAnswer, StoredLine, TailSkipped } from "@logdna-agent/protocol";
import type { Client } from "./client.ts";
import { lineText } from "./line_text.ts";

export interface ShowOptions {
  /** One JSON object a line instead of text. */
  readonly json: boolean;
  readonly colours: boolean;
  /** Resolves when more can be written. */
  readonly write: (text: string) => Promise<void>;
}

const PAGE = 1000;

/** Prints the newest lines that fit, oldest of them first; says nothing when there are none. */
export async function search(
  client: Client,
  parameters: URLSearchParams,
  limit: number,
  options: ShowOptions,
): Promise<void> {
  const found: StoredLine[] = [];
  let cursor: string | null = null;
  do {
    const page = new URLSearchParams(parameters);
    page.set("order", "desc");
    page.set("limit", String(Math.min(PAGE, limit - found.length)));
    if (cursor !== null) page.set("cursor", cursor);
    const answer: LinesAnswer = await client.get("/api/v1/lines", page);
    found.push(...answer.lines);
    cursor = answer.next;
  } while (cursor !== null && found.length < limit);
  for (const line of found.toReversed()) {
    const cut = line.wholeBytes !== undefined;
    await show(cut ? await client.get(`/api/v1/lines/${line.id}`, new URLSearchParams()) : line, options);
  }
}

/** Prints lines as they are stored, until the user ends it. @throws {Error} when the server does. */
export async function tail(client: Client, parameters: URLSearchParams, options: ShowOptions): Promise<void> {
  for await (const { event, data } of client.events("/api/v1/tail", parameters)) {
    if (event === "lines") for (const line of JSON.parse(data) as StoredLine[]) await show(line, options);
    if (event === "skipped" && !options.json)
      await options.write(`… ${(JSON.parse(data) as TailSkipped).count} lines skipped: more than can be shown\n`);
  }
}

function show(line: StoredLine, { json, colours, write }: ShowOptions): Promise<void> {
  return write(json ? `${jsonText(line)}\n` : lineText(line, colours));
}

/** JSON in which nothing acts on a terminal: JSON itself leaves these control characters as they are. */
function jsonText(line: StoredLine): string {
  return JSON.stringify(line).replaceAll(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
