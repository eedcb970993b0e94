import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { HEADER } from "@logdna-agent/protocol";
import { Refusal } from "./refusal.ts";

/** True when `given` is one of the secrets. Digests are compared, so the time taken tells neither length nor content. */
export function isOneOf(given: string, secrets: readonly string[]): boolean {
  const digest = sha256(given);
  let found = false;
  for (const secret of secrets) found = timingSafeEqual(digest, sha256(secret)) || found;
  return found;
}

/**
 * The key that a request gives, in exactly one of the three documented ways: the `apikey` header, HTTP basic with the key as
 * user and an empty password, or the `apikey` query parameter.
 * @throws {Refusal} 401 without one, 400 with several.
 */
export function keyOf(headers: IncomingHttpHeaders, query: URLSearchParams): string {
  const header = headers[HEADER.apiKey];
  const given = [
    ...(typeof header === "string" ? [header] : (header ?? [])),
    ...basicUser(headers.authorization),
    ...query.getAll("apikey"),
  ].filter((key) => key !== "");
  const [key, ...others] = given;
  if (key === undefined) throw new Refusal(401, "Missing credentials.");
  if (others.length > 0) throw new Refusal(400, "Give the ingestion key in exactly one way.");
  return key;
}

function basicUser(authorization: string | undefined): string[] {
  const match = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(authorization ?? "");
  if (match?.[1] === undefined) return [];
  const [user = ""] = Buffer.from(match[1], "base64").toString("utf8").split(":");
  return [user];
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
