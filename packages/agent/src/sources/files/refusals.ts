import type { AgentEvent } from "../../telemetry/events.ts";
import type { OpenRefusal } from "./open_log.ts";

/** Names that are not read, each with the reason, which is said once for as long as it stays the same. */
export class Refusals {
  readonly #emit: (event: AgentEvent) => void;
  readonly #reasons = new Map<string, string>();

  constructor(emit: (event: AgentEvent) => void) {
    this.#emit = emit;
  }

  has(path: string): boolean {
    return this.#reasons.has(path);
  }

  /** The name is another file's now, or can be read. */
  forget(path: string): void {
    this.#reasons.delete(path);
  }

  ownLog(path: string): void {
    this.#say(path, "own_log", { name: "own_log_skipped", path });
  }

  /** @param attempt what was refused: an infinitive. */
  refuse(path: string, refusal: OpenRefusal, attempt: string): void {
    switch (refusal.kind) {
      case "missing":
        return;
      case "outside":
        return this.#say(path, refusal.realPath, { name: "link_outside_refused", path, target: refusal.realPath });
      case "planted":
        return this.#say(path, "planted", { name: "hard_link_refused", path });
      case "not_regular":
        return this.#say(path, "not_regular", { name: "file_not_regular", path, type: refusal.type });
      case "unreadable":
        return this.#say(path, refusal.code, { name: "file_unreadable", path, code: refusal.code, attempt });
    }
  }

  #say(path: string, reason: string, event: AgentEvent): void {
    if (this.#reasons.get(path) === reason) return;
    this.#reasons.set(path, reason);
    this.#emit(event);
  }
}
