import type { Config } from "../../config/mod.ts";
import type { JoinerFor } from "../multiline/mod.ts";
import { ContainerJoiner } from "./container_joiner.ts";

/** What joins the lines of a container's log, and what joins those of all others. */
export function containerJoinerFor(
  { containerLines }: Pick<Config, "containerLines">,
  dirs: { isLog(path: string): boolean },
  otherwise: JoinerFor,
): JoinerFor {
  const joiner = new ContainerJoiner(containerLines === "parsed");
  return (path) => (dirs.isLog(path) ? joiner : otherwise(path));
}
