import type { Config } from "../../config/mod.ts";
import type { LineJoiner } from "../multiline/joiner.ts";
import type { JoinerFor } from "../multiline/mod.ts";
import { ContainerJoiner } from "./container_joiner.ts";

/** What joins the lines of a container's log, and what joins those of all others. */
export function containerJoinerFor(
  { containerLines }: Pick<Config, "containerLines">,
  dirs: { isLog(path: string): boolean },
  multilineFor: JoinerFor,
): JoinerFor {
  const joiners = new Map<LineJoiner | undefined, ContainerJoiner>();
  return (path) => {
    const multiline = multilineFor(path);
    if (!dirs.isLog(path)) return multiline;
    let joiner = joiners.get(multiline);
    if (joiner === undefined) {
      joiner = new ContainerJoiner({ isParsed: containerLines === "parsed", multiline });
      joiners.set(multiline, joiner);
    }
    return joiner;
  };
}
