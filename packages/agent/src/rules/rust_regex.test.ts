import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LinearMatcher } from "./linear/linear_matcher.ts";
import { LineMatcher } from "./lines/line_matcher.ts";
import { patternRegExp } from "./pattern_source.ts";
import { readRustRegex, rustMatcher, rustRegexProblem } from "./rust_regex.ts";

/** Expression, texts that it is found in, texts that it is not found in (docs.rs/regex, "Syntax"). */
const CASES: readonly (readonly [pattern: string, found: readonly string[], notFound: readonly string[]])[] = [
  ["abc", ["xabcx"], ["ab"]],
  ["", ["", "x"], []],
  ["(?i)error", ["ERROR", "an Error"], ["eror"]],
  ["(?i:err)or", ["ERRor"], ["ERROR"]],
  ["a(?i)b|c", ["aB", "C"], ["AB"]],
  ["(?:a(?i)b|c)d", ["aBd", "Cd"], ["aBD", "ABd"]],
  ["(?i)a(?-i)b", ["Ab"], ["AB"]],
  ["(?i-s:A)b", ["ab"], ["aB"]],
  ["(?i:a)[A-Z]", ["aB"], ["ab"]],
  ["(?i:a)\\p{Lu}", ["AB"], ["Ab"]],
  ["(?P<name>x+)-(?<other>y)", ["xx-y"], ["-y"]],
  ["(?P<a.b[0]>x)", ["x"], ["y"]],
  ["^a$", ["a"], ["a\n", "b\na", "ab"]],
  ["(?m)^a$", ["b\na\nc", "a"], ["ba", "ab"]],
  ["\\Aa\\z", ["a"], ["a\n", "\na"]],
  ["(?m)\\Aa\\z", ["a"], ["b\na"]],
  ["a.b", ["axb", "a😀b", "a\rb"], ["a\nb"]],
  ["(?s)a.b", ["a\nb"], ["ab"]],
  ["(?s:a.)b.", ["a\nbx"], ["a\nb\n"]],
  ["^.$", ["😀"], ["ab"]],
  ["\\d", ["5", "٣"], ["a"]],
  ["(?-u)\\d", ["5"], ["٣"]],
  ["\\w+é", ["cafeé"], ["é"]],
  ["^\\w$", ["é", "_", "‿"], ["-"]],
  ["^\\s$", ["\u00a0", "\u0085"], ["x"]],
  ["\\bé\\b", ["un é ici"], ["née"]],
  ["\\Bb", ["ab"], ["b"]],
  ["\\<foo\\>", ["a foo b"], ["foobar"]],
  ["\\b{start}foo", ["a foobar"], ["xfoo"]],
  ["[[:alpha:]]+[[:^digit:]]", ["ab"], ["1"]],
  ["[[:alpha:]_]", ["_"], ["-"]],
  ["[a-z&&[^aeiou]]", ["b"], ["a", "B"]],
  ["^[a-z0-9&&[^aeiou1]]+$", ["b2"], ["a2", "b1"]],
  ["^[a-z--[m-p]]$", ["a"], ["n"]],
  ["^[a-c[x-z]]$", ["b", "y"], ["m"]],
  ["^[]a]$", ["]", "a"], ["b"]],
  ["^[^]a]$", ["b"], ["]", "a"]],
  ["^[a-]$", ["-", "a"], ["b"]],
  ["^[-a]$", ["-", "a"], ["b"]],
  ["^[.*+(){}/|^$]$", [".", "(", "/", "|", "^", "$"], ["a"]],
  ["^[\\]\\[\\\\]$", ["]", "[", "\\"], ["a"]],
  ["^[\\x41-\\x{43}]$", ["A", "C"], ["D"]],
  ["^[\\d\\s]$", ["1", " "], ["a"]],
  ["^[^\\d]$", ["a"], ["1"]],
  ["\\p{Greek}", ["α"], ["a"]],
  ["\\p{greek}", ["α"], ["a"]],
  // A name alone is that of a script, not of its extensions.
  ["^\\p{Han}$", ["東"], ["、"]],
  ["^\\p{scx=Han}$", ["東", "、"], ["ー"]],
  ["\\p{script=Greek}", ["α"], ["a"]],
  ["^\\pL\\PL$", ["a1"], ["11"]],
  ["^\\p{^Lu}$", ["a"], ["A"]],
  ["^\\p{uppercase_letter}$", ["A"], ["a"]],
  ["(?x) a  b # comment\n c", ["abc"], ["a b"]],
  ["(?x)a\\ b", ["a b"], ["ab"]],
  ["(?x)[a b]c", ["ac"], [" c"]],
  ["^a{2}$", ["aa"], ["a"]],
  ["^a{2,}$", ["aaa"], ["a"]],
  ["^a{2,3}$", ["aa"], ["aaaa"]],
  ["^a{,2}$", ["", "aa"], ["aaa"]],
  ["^a**$", ["", "aa"], ["b"]],
  ["\\u{1F600}", ["😀"], ["x"]],
  ["\\u0041\\x42\\U00000043", ["ABC"], ["abc"]],
  ["\\.\\/\\-\\#\\&\\~\\ \\%", ["./-#&~ %"], ["x"]],
  ["a/b", ["a/b"], ["ab"]],
  ["}", ["}"], ["{"]],
  ["]", ["]"], ["["]],
  ["^[a-g~~[e-k]]$", ["a", "k"], ["e", "g", "z"]],
  ["^[^a-c&&[b-d]]$", ["a", "d"], ["b", "c"]],
  ["^[a-z&&[^m]--[x-z]]$", ["a", "n"], ["m", "y"]],
  ["^[\\w--\\d&&[^_]]$", ["a", "é"], ["1", "_"]],
  ["^\\p{script!=Greek}$", ["a"], ["α"]],
  ["^\\P{sc!=Greek}$", ["α"], ["a"]],
  ["^\\p{scx:Greek}$", ["α"], ["a"]],
  ["^\\p{gc=Lu}\\p{Any}\\P{L}$", ["Aé1"], ["aé1", "Aéa"]],
  ["^\\p{ascii}\\p{Emoji_Presentation}$", ["a😀"], ["é😀", "ab"]],
  ["(?-u)^\\w\\s\\d$", ["a 1"], ["é 1", "a\u00a01"]],
  ["(?i-u)^k[s]$", ["KS", "ks"], ["\u212as", "k\u017f"]],
  ["(?i)^k$", ["K", "\u212a"], ["q"]],
  ["(?i)^ß$", ["ß", "ẞ"], ["ss"]],
  ["(?-u)é", ["é"], ["e"]],
  ["(?i-u)^é$", ["é"], ["É"]],
  ["(?-u)^(?i:Σ)k$", ["Σk"], ["σk", "ςk", "ΣK"]],
  ["(?-u:\\b)é", ["aé"], ["é"]],
  ["(?i)(?-u:\\b)x", ["\u212ax", "\u017fX", "-x"], ["Kx", "kx"]],
  ["(?i)x(?-u:\\b{end})", ["X\u212a", "x"], ["xk"]],
  ["(?i)(?-u:\\B)x", ["kx"], ["\u212ax"]],
  ["(?-u)^(?u:\\w)$", ["é"], ["-"]],
  ["(?u)^\\w$", ["é"], ["-"]],
  ["(?s-m)^a.b$", ["a\nb"], ["x\na\nb"]],
  ["(?ms)^a.b$", ["x\na\nb"], ["ab"]],
  ["(?Ui)^A+$", ["aa"], ["b"]],
  ["(?x)a {2} # twice", ["aa"], ["a"]],
  ["(?x)^[ \\ a ]$", [" ", "a"], ["b"]],
  ["(?x) \\# \\  ", ["# "], ["#x"]],
  ["\\b{start-half}foo\\b{end-half}", ["foo", "-foo-"], ["xfoo", "foox"]],
  ["\\b{end}", ["foo "], [" -"]],
  ["^\\pN\\pZ\\PN$", ["1 a"], ["a 1"]],
  ["^[\\pL&&\\p{Greek}]$", ["α"], ["a", "·"]],
  ["^\\x{e9}\\U{1F600}$", ["é😀"], ["e"]],
  ["^(?:a|b|)$", ["a", "b", ""], ["c"]],
  ["^a++b$", ["aab"], ["b"]],
  ["(?:)", [""], []],
  ["^[[:alpha:]-z]$", ["a", "-"], ["1"]],
  ["\\a\\f\\t\\n\\r\\v", ["\u0007\f\t\n\r\v"], ["a"]],
];

for (const [pattern, found, notFound] of CASES) {
  test(`the expression ${JSON.stringify(pattern)}`, () => {
    const regex = patternRegExp(readRustRegex(pattern));
    const linear = new LinearMatcher(readRustRegex(pattern), true);
    const matchers = { V8: regex ?? linear, linear, chosen: rustMatcher(pattern, false) };
    for (const [name, matcher] of Object.entries(matchers)) {
      for (const text of found) assert.ok(matcher.test(text), `is not found in ${JSON.stringify(text)}: ${name}`);
      for (const text of notFound) assert.ok(!matcher.test(text), `is found in ${JSON.stringify(text)}: ${name}`);
    }
  });
}

test("a place of no width is not in the middle of a character", () => {
  for (const pattern of ["(?m:^)(?m:$)", "\\B", "(?-u:\\B)", "\\b{start-half}\\b{end-half}", "(?:x|\\B)(?m:$)"]) {
    assert.equal(rustMatcher(pattern, false).test("a😀b"), false, pattern);
    assert.equal(new LineMatcher([pattern]).test("a😀b"), false, pattern);
  }
});

test("a text that might take too long is not searched, and the answer is the one that was asked for", () => {
  const ways = "[ab]*a[ab]{2000}c[ab]{2000}d";
  const letters = randomLetters(1 << 20);
  const start = process.cpuUsage();
  for (const beyond of [false, true]) assert.equal(rustMatcher(ways, beyond).test(letters), beyond);
  assert.ok(process.cpuUsage(start).user < 200_000);
  // What names and lines that are joined come to is searched: a path of 4096, a line of 32 KiB.
  assert.equal(rustMatcher(ways, false).test(`${"a".repeat(2001)}c${"a".repeat(2000)}d`), false);
  assert.equal(rustMatcher("[ab]*a[ab]{200}c", false).test(`${letters.slice(0, 32_000)}a${"b".repeat(200)}c`), true);
  // Patterns that V8 is trusted with have no bound.
  assert.equal(rustMatcher("xyz", false).test(`${letters}xyz`), true);
});

function randomLetters(length: number): string {
  let seed = 1;
  return Array.from({ length }, () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % 2 === 0 ? "a" : "b";
  }).join("");
}

test("greed is swapped by (?U)", () => {
  const rustRegExp = (pattern: string): RegExp => patternRegExp(readRustRegex(pattern)) ?? assert.fail(pattern);
  assert.equal(rustRegExp("a+").exec("aaa")?.[0], "aaa");
  assert.equal(rustRegExp("(?U)a+").exec("aaa")?.[0], "a");
  assert.equal(rustRegExp("(?U)a+?").exec("aaa")?.[0], "aaa");
});

/** What Rust refuses too, or what cannot be translated: each with a word that the message must hold. */
const PROBLEMS: readonly (readonly [pattern: string, word: string])[] = [
  ["(?=a)", "look-around"],
  ["(?!a)", "look-around"],
  ["(?<=a)b", "look-around"],
  ["(a)\\1", "back-references"],
  ["(?P=name)", "back-references"],
  ["(?>a)", "atomic"],
  ["(a", "not closed"],
  ["a)", "without"],
  ["[a", "not closed"],
  ["[]", "not closed"],
  ["*a", "nothing to repeat"],
  ["a|*", "nothing to repeat"],
  ["a{3,2}", "least"],
  ["a{}", "repetition"],
  ["a{x}", "repetition"],
  ["a{99999}", "too large"],
  ["((a{1000}){1000})", "too large"],
  ["(((((){9999}){9999}){9999}){9999}){9999}", "too large"],
  ["a{9000}".repeat(3), "too large"],
  [`a${"*".repeat(5000)}`, "nested"],
  ["[z-a]", "wrong way"],
  ["[a-\\d]", "range"],
  ["[[:nope:]]", "no class"],
  ["\\p{Nope}", "no Unicode property"],
  ["\\y", "no escape"],
  ["a\\", "last backslash"],
  ["(?q)a", "no flag"],
  ["(?R)a", "CRLF"],
  ["(?P<a>x)(?P<a>y)", "two groups"],
  ["(?P<1>x)", "name"],
  ["(?<!a)b", "look-around"],
  ["\\k<name>", "no escape"],
  ["(?#comment)", "no known kind of group"],
  ["(?|a)", "no known kind of group"],
  ["(?(1)a)", "no known kind of group"],
  ["\\101", "back-references"],
  ["\\0", "no escape"],
  ["\\Z", "no escape"],
  ["\\G", "no escape"],
  ["\\K", "no escape"],
  ["\\R", "no escape"],
  ["\\X", "no escape"],
  ["\\h", "no escape"],
  ["\\Qa\\E", "no escape"],
  ["\\cA", "no escape"],
  ["\\N{SPACE}", "no escape"],
  ["\\e", "no escape"],
  ["\\x4", "no escape"],
  ["\\u{}", "no escape"],
  ["[\\b]", "no escape"],
  ["[a", "not closed"],
  ["[^]", "not closed"],
  ["[[=a=]]x[[.a.]", "not closed"],
  ["\\p{Age=3.0}", "no Unicode property"],
  ["\\p{wb=Extend}", "no Unicode property"],
  ["\\p{IsGreek}", "no Unicode property"],
  ["\\p", "no escape"],
  ["(?-u).", "part of a character"],
  ["(?-u)\\W", "part of a character"],
  ["(?-u)[^a]", "part of a character"],
  ["(?-u:\\pL)", "part of a character"],
  ["(?-u)[é]", "part of a character"],
  ["(?mR)^a$", "CRLF"],
  ["\\x{110000}", "no character"],
  ["\\x{d800}", "no character"],
  ["(".repeat(300) + ")".repeat(300), "nested"],
  ["[".repeat(300), "nested"],
];

for (const [pattern, word] of PROBLEMS) {
  test(`the expression ${JSON.stringify(pattern.slice(0, 40))} is refused with a reason`, () => {
    const problem = rustRegexProblem(pattern);
    assert.ok(problem?.includes(word), String(problem));
  });
}

test("any text is an expression or is refused with a reason, and never anything else", () => {
  const piece = fc.constantFrom(
    "a",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "?",
    "*",
    "+",
    "|",
    "^",
    "$",
    ".",
    "\\",
    "-",
    "&&",
    "--",
  );
  const more = fc.constantFrom(
    "(?i)",
    "(?x)",
    "(?P<n>",
    "[:alpha:]",
    "\\d",
    "\\p{L}",
    "\\b",
    ",",
    "2",
    ":",
    "#",
    " ",
    "é",
  );
  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof(piece, more), { maxLength: 25 }).map((all) => all.join("")),
  );
  fc.assert(
    fc.property(anyText, (pattern) => {
      const problem = rustRegexProblem(pattern);
      assert.ok(problem === undefined || problem.length > 0);
      if (problem === undefined) rustMatcher(pattern, false).test(pattern);
    }),
    { numRuns: 5000 },
  );
});

test("a text that is escaped is found in itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const escaped = text.replace(/[^0-9A-Za-z\u0080-\u{10ffff}]/gu, (character) =>
        character < " " || character === "\u007f" ? `\\x{${character.charCodeAt(0).toString(16)}}` : `\\${character}`,
      );
      assert.ok(rustMatcher(`^${escaped.replaceAll("\\<", "<").replaceAll("\\>", ">")}$`, false).test(text));
    }),
  );
});
