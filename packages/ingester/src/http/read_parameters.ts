import type { LineFilter } from "@logdna-agent/protocol";
import * as z from "zod";
import { Refusal } from "../receive/refusal.ts";

const texts = z.array(z.string().max(4096)).max(100);
const time = z.coerce.number().int().min(-8.64e15).max(8.64e15).optional();
const FILTER = z.object({
  q: z.string().max(4096).optional(),
  host: texts,
  app: texts,
  file: texts,
  level: texts,
  env: texts,
  tag: texts,
  from: time,
  to: time,
  received_from: time,
});
const PAGE = z.object({
  limit: z.coerce.number().int().min(1).max(5000).default(200),
  order: z.enum(["asc", "desc"]).default("desc"),
  cursor: z.string().max(200).optional(),
  around: z.string().max(200).optional(),
});
const BUCKETS = z.object({ buckets: z.coerce.number().int().min(1).max(1000).default(60) });

export type Page = z.infer<typeof PAGE>;

/** The filter of a read request. @throws {Refusal} 400 that names the parameter. */
export function filterOf(query: URLSearchParams): LineFilter {
  const many = (name: string): string[] => query.getAll(name);
  const {
    q,
    from,
    to,
    received_from: receivedFrom,
    ...fields
  } = parse(FILTER, {
    ...one(query, ["q", "from", "to", "received_from"]),
    host: many("host"),
    app: many("app"),
    file: many("file"),
    level: many("level"),
    env: many("env"),
    tag: many("tag"),
  });
  return {
    ...fields,
    ...(q !== undefined && { q }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(receivedFrom !== undefined && { receivedFrom }),
  };
}

/** Which page of lines is asked for. @throws {Refusal} */
export function pageOf(query: URLSearchParams): Page {
  return parse(PAGE, one(query, ["limit", "order", "cursor", "around"]));
}

/** How many buckets a histogram is to have. @throws {Refusal} */
export function bucketsOf(query: URLSearchParams): number {
  return parse(BUCKETS, one(query, ["buckets"])).buckets;
}

function one(query: URLSearchParams, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(name);
      return value === null || value === "" ? [] : [[name, value]];
    }),
  );
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Refusal(400, problems.join("; "));
}
