/**
 * A program that logs with a client of LogDNA's own: `npm_client.ts logger|winston URL`, the key in `KEY`. Ends with 0 once the
 * client says that everything was sent, with 1 and what it said on an error.
 */
import { inspect } from "node:util";
import { createLogger, type Logger } from "@logdna/logger";
// @ts-expect-error: The package has no types.
import LogDNATransport from "logdna-winston";
import winston from "winston";

const [client, url = ""] = process.argv.slice(2);
const key = process.env.KEY ?? "";
const options = { url, hostname: `${client}-host`, app: "shop", env: "production", tags: ["a", "b"], indexMeta: true };

function endWith(logger: Pick<Logger, "on">): void {
  logger.on("error", (error: Error) => {
    process.stderr.write(`${inspect(error, { depth: 5 })}\n`);
    process.exit(1);
  });
  logger.on("cleared", () => process.exit(0));
}

if (client === "logger") {
  const logger = createLogger(key, options);
  endWith(logger);
  logger.log("a plain line");
  logger.log("an error 😀", { level: "error", timestamp: Date.now() - 60_000, meta: { order: { id: 7 } } });
  logger.log({ message: "an object" });
  logger.warn?.("a warning");
} else {
  const Transport: new (options: object) => winston.transport & { logger: Pick<Logger, "on"> } = LogDNATransport;
  const transport = new Transport({ ...options, key, handleExceptions: false });
  endWith(transport.logger);
  const logger = winston.createLogger({ level: "silly", transports: [transport] });
  logger.info("a plain line");
  logger.error("an error 😀", { order: { id: 7 } });
  logger.warn("a warning");
}
