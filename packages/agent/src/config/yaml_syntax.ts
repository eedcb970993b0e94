import { type Document, isAlias, isNode, visit, type YAMLParseError, type YAMLWarning } from "yaml";

/** What is said of some errors instead of the library's message, which quotes the file, or says too little. */
const SYNTAX: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "it holds several documents",
  TAG_RESOLVE_FAILED: 'a text that begins with "!" must be in quotes',
  BAD_COLLECTION_TYPE: 'a text that begins with "!" must be in quotes',
  BAD_DIRECTIVE: 'a line that begins with "%" is a directive, which has no meaning here',
  BAD_DQ_ESCAPE: "in double quotes a backslash begins an escape; write it twice, or use single quotes",
};

/** What is wrong with a text that is no YAML, without what the library quotes of it, which may be the key. */
export function syntaxMessage({ code, message }: YAMLParseError | YAMLWarning): string {
  const told = SYNTAX[code];
  if (told !== undefined) return told;
  if (message.startsWith("Maximum call stack")) return "it is nested too deep";
  return (message.split("\n", 1)[0] ?? "").replace(/: .*$/, "");
}

/**
 * What each alias stands for: the last node of that name before it. The library looks for one alone, through the whole
 * document.
 */
export function anchoredNodes(document: Document): ReadonlyMap<unknown, unknown> {
  const byName = new Map<string, unknown>();
  const nodes = new Map<unknown, unknown>();
  visit(document, (_, node) => {
    if (isAlias(node)) nodes.set(node, byName.get(node.source));
    else if (isNode(node) && "anchor" in node && node.anchor !== undefined) byName.set(node.anchor, node);
  });
  return nodes;
}
