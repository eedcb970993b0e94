import { endsWord, startsWord } from "./boundary.ts";
import type { Finder } from "./finder.ts";

/**
 * Ids of credentials: access keys, temporary ones, of a service's bearer tokens and of contexts (AWS IAM User Guide, "IAM
 * identifiers"). The ids of users and roles begin otherwise, and are none.
 */
const ID = /A(?:[KSB]I|CC)A[0-9A-Z]{16}/g;
const ID_LENGTH = 20;
/** Names of secrets, as in credential files, environments, SDKs, answers of STS and signed URLs. */
const NAME = /secret[_-]?(?:access[_-]?)?key|session[_-]?token|amz-security-token/gi;
const SECRET_NAME = /^secret/i;
/** What is between a name and its value: quotes, a colon, an equals sign or an arrow, or the end of a tag. */
const BETWEEN = /(?:\\{0,3}["']|\\u0022|%22)?(?: {0,4}(?:=>|[:=>]|%3D) {0,4}| {1,4})(?:\\{0,3}["']|\\u0022|%22)?/iy;
/** A secret access key has 40 characters. */
const SECRET = /[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+=])/y;
/** A session token has hundreds; in a URL some of them are encoded. */
const TOKEN = /[0-9A-Za-z/+%]{40}[0-9A-Za-z/+%=]*/y;

/** Ids of keys of Amazon Web Services, by their form. */
export const awsKeyId: Finder = {
  find(text, from) {
    ID.lastIndex = from;
    while (ID.test(text)) {
      const end = ID.lastIndex;
      const start = end - ID_LENGTH;
      if (startsWord(text, start) && endsWord(text, end)) return { start, end };
      ID.lastIndex = start + 1;
    }
    return undefined;
  },
  normalise: (value) => value,
  partial: (value) => `${value.slice(0, 4)}****`,
};

/** Secret access keys and session tokens of Amazon Web Services, where their name is in front of them. */
export const awsSecret: Finder = {
  find(text, from) {
    NAME.lastIndex = from;
    for (let match = NAME.exec(text); match !== null; match = NAME.exec(text)) {
      BETWEEN.lastIndex = NAME.lastIndex;
      if (!BETWEEN.test(text)) continue;
      const start = BETWEEN.lastIndex;
      const value = SECRET_NAME.test(match[0]) ? SECRET : TOKEN;
      value.lastIndex = start;
      if (value.test(text)) return { start, end: value.lastIndex };
    }
    return undefined;
  },
  normalise: (value) => value,
  partial: () => undefined,
};
