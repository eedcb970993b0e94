export { renderOptionsMarkdown } from "./options.ts";
