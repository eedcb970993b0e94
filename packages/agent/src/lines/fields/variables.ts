/** What a variable of a template may stand for. */
export type VariableKind = "env" | "line" | "kubernetes" | "unknown";

/** Fields of a line that a variable can stand for, as they are before anything replaces them. */
export const LINE_VARIABLES = ["app", "host", "env", "file"] as const;
export type LineVariable = (typeof LINE_VARIABLES)[number];

/** Values of variables of the environment, by name. */
export type FieldEnvironment = Readonly<Record<string, string | undefined>>;

/** Where the value of a variable comes from. */
export function kindOf(variable: string): VariableKind {
  if (/^env\../s.test(variable)) return "env";
  if (/^(?:label|annot)\../s.test(variable)) return "kubernetes";
  return lineVariable(variable) === undefined ? "unknown" : "line";
}

/** The field that `line.FIELD` stands for; undefined for anything else. */
export function lineVariable(variable: string): LineVariable | undefined {
  return LINE_VARIABLES.find((field) => variable === `line.${field}`);
}

/** The name of the environment's variable in `env.NAME`. */
export function environmentName(variable: string): string {
  return variable.slice("env.".length);
}

/** The value of `env.NAME`; undefined where it is not set. */
export function environmentValue(variable: string, environment: FieldEnvironment): string | undefined {
  const name = environmentName(variable);
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}
