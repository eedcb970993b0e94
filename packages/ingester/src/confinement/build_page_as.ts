import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("page_program.ts", import.meta.url));

/** The files of the page: URL path, media type, content in base64. */
export type PageRows = readonly (readonly [path: string, type: string, base64: string])[];

/**
 * Builds the page as another user, in a process of its own, which has ended when this resolves.
 * @param user undefined for the user of this process.
 * @throws {Error} when the page cannot be built; the process has said why.
 */
export async function buildPageAs(user: { readonly uid: number; readonly gid: number } | undefined): Promise<PageRows> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM], {
    cwd: "/",
    // Nothing of what the server was started with is the compiler's business.
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
    ...user,
  });
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (code !== 0) throw new Error(`Building the page ended with ${signal ?? `status ${code}`}: see above.`);
  return JSON.parse(output) as PageRows;
}
