import { globWarning } from "../rules/path_rules.ts";
import type { LineOptions, LineRules, MultilineRule, PathRule } from "./line_options.ts";
import type { Merged, RuleSettings } from "./merge.ts";
import { lastKey, OPTIONS } from "./options.ts";
import type { Problem } from "./problem.ts";
import { secretFrom } from "./secret_places.ts";
import { titleOf } from "./titles.ts";

/** What is done with lines, as far as options alone say it. */
type Told = Pick<
  RuleSettings["settings"],
  | "lineExclusion"
  | "lineInclusion"
  | "lineRedact"
  | "redact"
  | "redactAs"
  | "multiline"
  | "multilineStart"
  | "multilineContinuation"
  | "multilineTimeout"
  | "multilineMaxLines"
  | "multilineMaxBytes"
  | "lineRateLimit"
  | "lineSample"
>;

/** One place that says what is done with lines: the options for all files, or an entry of `log.rules`. */
interface Place {
  readonly told: Told;
  /** Where an option was given; undefined when it was not. */
  readonly origin: (option: keyof Told) => string | undefined;
  /** What messages call an option. */
  readonly title: (option: keyof Told) => string;
  /** The bound on bytes of a part, and what messages call it. */
  readonly lineMaxPart: { readonly bytes: number; readonly title: string };
}

interface Notes {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Options about lines that only have a meaning together with others. */
const DETAILS = ["multilineTimeout", "multilineMaxLines", "multilineMaxBytes"] as const;
/** Those that they have one with. */
const JOINING = ["multiline", "multilineStart", "multilineContinuation"] as const;
const REDACTING = ["redact", "lineRedact"] as const;

/** What is done with lines, from the options for all files and from the entries of `log.rules`. */
export function lineOptions(
  merged: Merged,
  lineMaxPart: number,
  readFile: (path: string) => string,
  notes: Notes,
): LineOptions & { readonly redactSaltPath: string | undefined } {
  const { settings, origins } = merged;
  const all: Place = {
    told: settings,
    origin: (option) => origins.get(option),
    title: (option) => titleOf(merged, option),
    lineMaxPart: { bytes: lineMaxPart, title: titleOf(merged, "lineMaxPart", "multilineMaxBytes") },
  };
  checkMaxBytes(all, notes);
  const general = lineRules(all, undefined, notes);
  const ofRules = { ...all, lineMaxPart: { bytes: lineMaxPart, title: titleOf(merged, "lineMaxPart", "pathRules") } };
  const pathRules = merged.rules.map((rule) => pathRule(rule, ofRules, notes));
  const lacksMultiline = general.multiline === undefined && pathRules.every(({ multiline }) => multiline === undefined);
  for (const detail of DETAILS) {
    const where = origins.get(detail);
    if (where === undefined || !lacksMultiline || JOINING.some((option) => merged.unread.has(option))) continue;
    const [presets, start, continuation] = JOINING.map((option) => titleOf(merged, option, detail));
    const message = `${titleOf(merged, detail)} means nothing without ${presets}, ${start} or ${continuation}`;
    notes.warnings.push({ where, message });
  }
  const redacts = [general, ...pathRules].some(({ redact, lineRedact }) => redact.length + lineRedact.length > 0);
  const style = origins.get("redactAs");
  const mayRedact = redacts || REDACTING.some((option) => merged.unread.has(option));
  if (style !== undefined && !mayRedact) {
    const [presets, expressions] = REDACTING.map((option) => titleOf(merged, option, "redactAs"));
    const message = `${titleOf(merged, "redactAs")} means nothing without ${presets} or ${expressions}`;
    notes.warnings.push({ where: style, message });
  }
  const salt = secretFrom(merged, "redactSalt", "redactSaltFile", readFile, notes.problems);
  return {
    ...general,
    redactSalt: salt.secret,
    redactSaltPath: salt.path,
    pathRules,
    metaApp: settings.metaApp,
    metaHost: settings.metaHost,
    metaEnv: settings.metaEnv,
    metaFile: settings.metaFile,
    metaJson: settings.metaJson,
    metaLabels: settings.metaLabels,
    metaAnnotations: settings.metaAnnotations,
  };
}

function pathRule(rule: RuleSettings, all: Place, notes: Notes): PathRule {
  const { settings, origins, title, where, incomplete } = rule;
  const place: Place = {
    told: settings,
    origin: (option) => origins.get(option),
    title: (option) => `${title}.${lastKey(OPTIONS[option])}`,
    lineMaxPart: all.lineMaxPart,
  };
  if (!incomplete && !origins.has("paths")) {
    const message = `${title} must have a path: ${OPTIONS.includeGlobs.kind.expected}, or a list of such`;
    notes.problems.push({ where, message });
  } else if (!incomplete && origins.size === 1) {
    notes.warnings.push({ where, message: `${title} has a path and nothing else, so it changes nothing` });
  }
  for (const glob of settings.paths) {
    const message = globWarning(glob);
    if (message === undefined) continue;
    notes.warnings.push({ where: origins.get("paths") ?? where, message: `${title}.path: ${message}` });
  }
  const { paths, app, env, tags } = settings;
  checkMaxBytes(place, notes);
  return { paths, ...lineRules(place, all, notes), app, env, tags };
}

function checkMaxBytes({ told, origin, title, lineMaxPart }: Place, { problems }: Notes): void {
  const where = origin("multilineMaxBytes");
  const { multilineMaxBytes } = told;
  if (where === undefined || multilineMaxBytes === undefined || multilineMaxBytes <= lineMaxPart.bytes) return;
  const message = `${title("multilineMaxBytes")} is ${multilineMaxBytes}, more than the ${lineMaxPart.bytes} of ${lineMaxPart.title}`;
  problems.push({ where, message });
}

function lineRules(place: Place, all: Place | undefined, notes: Notes): LineRules {
  const { told, origin, title } = place;
  for (const expression of told.lineExclusion) {
    if (!told.lineInclusion.includes(expression)) continue;
    const message = `${JSON.stringify(expression)} is in ${title("lineInclusion")}, too: what it includes it excludes`;
    notes.warnings.push({ where: origin("lineExclusion") ?? "", message });
  }
  return {
    lineExclusion: told.lineExclusion,
    lineInclusion: told.lineInclusion,
    lineRedact: told.lineRedact,
    redact: told.redact,
    redactAs: told.redactAs,
    multiline: multilineRule(place, all, notes),
    rateLimit: told.lineRateLimit,
    sample: told.lineSample,
  };
}

/** What an entry of `log.rules` leaves open of joining lines is as it is for all files. */
function multilineRule(place: Place, all: Place | undefined, { problems }: Notes): MultilineRule | undefined {
  const { told, origin, title } = place;
  const details = DETAILS.filter((option) => origin(option) !== undefined);
  const what = joins(told) ? told : details.length > 0 ? all?.told : undefined;
  const [detail] = details;
  if (what === undefined || !joins(what)) {
    if (all === undefined || detail === undefined) return undefined;
    // What could not be read has been told.
    if (JOINING.some((option) => origin(option) !== undefined)) return undefined;
    const message = `${title(detail)} means nothing without multiline, multiline_start or multiline_continuation`;
    problems.push({ where: origin(detail) ?? "", message });
    return undefined;
  }
  return {
    presets: what.multiline,
    start: what.multilineStart,
    continuation: what.multilineContinuation,
    timeout: told.multilineTimeout ?? all?.told.multilineTimeout ?? OPTIONS.multilineTimeout.default,
    maxLines: told.multilineMaxLines ?? all?.told.multilineMaxLines ?? OPTIONS.multilineMaxLines.default,
    maxBytes: told.multilineMaxBytes ?? all?.told.multilineMaxBytes ?? place.lineMaxPart.bytes,
  };
}

function joins({ multiline, multilineStart, multilineContinuation }: Told): boolean {
  return multiline.length > 0 || multilineStart !== undefined || multilineContinuation !== undefined;
}
