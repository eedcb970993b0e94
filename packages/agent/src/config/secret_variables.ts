/** The ingestion key, under every name that it has had, and what may hold a password: the URL of a proxy, headers. */
const SECRET =
  /^(?:LOGDNA|MZ)_(?:INGESTION_KEY|PROXY|HEADERS|REDACT_SALT)$|^LOGDNA_AGENT_KEY$|^(?:https?|all|HTTPS?|ALL)_(?:proxy|PROXY)$/;

/** True for a variable of the environment whose value no other process and no output may have. */
export function isSecretVariable(name: string): boolean {
  return SECRET.test(name);
}
