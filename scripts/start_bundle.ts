/** Imported before a program that starts agents: has it start the bundle, as `npm test` does. */
import { rmSync } from "node:fs";
import { bundledLauncher } from "./bundled_launcher.ts";

const { directory, launcher } = bundledLauncher();
process.env.TEST_LAUNCHER = launcher;
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
