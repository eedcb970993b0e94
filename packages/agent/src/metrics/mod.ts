export { type AgentFacts, agentMetrics } from "./agent_metrics.ts";
export { exposition } from "./exposition.ts";
export { MetricsPort } from "./metrics_port.ts";
