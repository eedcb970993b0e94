/**
 * Builds the page and prints it as JSON: a program of its own, so that the compiler is not run by root. What it prints is
 * read by `buildPageAs`.
 */
import { buildPage } from "@logdna-agent/web";

const page = await buildPage();
const rows = Array.from(page, ([path, { type, body }]) => [path, type, Buffer.from(body).toString("base64")]);
process.stdout.write(JSON.stringify(rows));
