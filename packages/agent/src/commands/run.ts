import type { Confinement } from "@logdna-agent/confinement";
import { CONFIG_ERROR_STATUS, placed, problemText } from "../config/problem.ts";
import { asProblem } from "../config_report/certificate_problem.ts";
import { takeAuthorities } from "../delivery/system_authorities.ts";
import { TransportError } from "../delivery/transport_error.ts";
import type { ServiceManager } from "../notify/service_manager.ts";
import { createTelemetry } from "../telemetry/mod.ts";
import { ConfigFiles } from "./config_files.ts";
import { factsOf, tellConfinement } from "./confinement_report.ts";
import { isOutside, RESTART_STATUS, RunningAgent } from "./running_agent.ts";
import { SignalQueue } from "./signal_queue.ts";
import type { Start } from "./start.ts";
import { orTell, tellErrors } from "./tell.ts";

/** Exit status when the agent cannot begin its work although its configuration is fine. */
const START_FAILED_STATUS = 1;

/**
 * `logdna-agent` without a sub-command: runs until SIGTERM or SIGINT. The configuration is read again when its files change, and on
 * SIGHUP.
 * @param confinement what the process is confined to, or why it is not although that was wanted.
 * @param manager is told when it has begun and that it lives.
 * @returns the exit status.
 */
export async function run(
  start: Start,
  confinement: Confinement | string | undefined,
  manager: ServiceManager,
): Promise<number> {
  const files = new ConfigFiles(start);
  const handed = typeof confinement === "object" ? confinement.secrets : {};
  if (handed.authorities !== undefined) takeAuthorities(handed.authorities);
  const reading = handed.configuration === undefined ? await files.read() : files.takeOver(handed.configuration);
  const loaded = orTell(reading.loaded);
  if (typeof loaded === "number") return loaded;
  files.accept(reading);
  const { config } = loaded;
  // The agent makes nothing that others may read, whatever it was started with.
  process.umask(0o077);
  const telemetry = createTelemetry({
    level: config.logLevel,
    stream: process.stderr,
    isTty: process.stderr.isTTY === true,
  });
  tellConfinement(telemetry, confinement);
  const signals = new SignalQueue(["SIGTERM", "SIGINT", "SIGHUP"]);
  const policy = typeof confinement === "object" ? confinement.policy : undefined;
  const running = new RunningAgent(loaded, files, telemetry, policy, factsOf(confinement), (call) =>
    signals.push(call),
  );
  try {
    await running.start();
  } catch (error) {
    if (error instanceof TransportError) {
      // Certificates are a part of the configuration, although they are read by whoever uses them.
      tellErrors([problemText(placed(asProblem(error), loaded.origins))]);
      return CONFIG_ERROR_STATUS;
    }
    if (!isOutside(error)) throw error;
    telemetry.emit({ name: "start_failed", reason: error.message });
    return START_FAILED_STATUS;
  }
  manager.ready(() => running.summary());
  for (;;) {
    const call = await signals.next();
    if (call === "SIGHUP" || call === "changed") await running.reload(call === "SIGHUP");
    else {
      manager.stopping();
      await running.stop(call);
      telemetry.flush();
      return call === "restart" ? RESTART_STATUS : 0;
    }
  }
}
