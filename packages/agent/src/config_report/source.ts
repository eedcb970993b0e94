/** Where a value comes from. Lines and columns count from 1. */
export type Source =
  | { readonly kind: "default" }
  | { readonly kind: "file"; readonly file: string; readonly line?: number; readonly column?: number }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "flag"; readonly name: string };

/** The source that a place of the configuration names (`Problem.where`); the default where it names none. */
export function sourceAt(where: string): Source {
  if (where === "") return { kind: "default" };
  const [, kind, name] = /^(environment variable|flag) (.+)$/s.exec(where) ?? [];
  if (name !== undefined) return { kind: kind === "flag" ? "flag" : "variable", name };
  const [, file, line, column] = /^(.*):(\d+):(\d+)$/s.exec(where) ?? [];
  return file === undefined
    ? { kind: "file", file: where }
    : { kind: "file", file, line: Number(line), column: Number(column) };
}

/** The source for people: `/etc/logdna/config.yaml:3`. */
export function sourceText(source: Source): string {
  switch (source.kind) {
    case "default":
      return "default";
    case "file":
      return source.line === undefined ? source.file : `${source.file}:${source.line}`;
    case "variable":
      return `variable ${source.name}`;
    case "flag":
      return `flag ${source.name}`;
  }
}
