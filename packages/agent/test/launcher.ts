import { fileURLToPath } from "node:url";

/**
 * What starts the agent: the launcher of the checkout, or the one that `npm test` made for the bundle, which starts three times
 * as fast.
 */
export const LAUNCHER =
  process.env.TEST_LAUNCHER ?? fileURLToPath(new URL("../../../bin/logdna-agent", import.meta.url));
