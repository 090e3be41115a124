#!/usr/bin/env python3
"""Writes tests/golden/lark/verdicts.jsonl: grammars and texts that Lark's own parser accepts or refuses.

Needs the package `lark` (1.x). Each grammar stands with some texts; further ones are made from them by chance. The verdict is
that of Lark's Earley parser with the lexer "dynamic_complete", which tries every length of every terminal.
"""
import json
import random
import sys

from lark import Lark
from lark.exceptions import LarkError

PATCH = r'''
start: opening piece+ closing
opening: "*** Begin Patch" LF
closing: "*** End Patch" LF?
piece: added | deleted | updated
added: "*** Add File: " name LF plus+
deleted: "*** Delete File: " name LF
updated: "*** Update File: " name LF moved? changes?
name: /(.+)/
plus: "+" /(.*)/ LF -> line
moved: "*** Move to: " name LF
changes: (context | line)+ last?
context: ("@@" | "@@ " /(.+)/) LF
line: ("+" | "-" | " ") /(.*)/ LF
last: "*** End of File" LF
%import common.LF
'''

CASES = [
    ('start: "a" "b"', ["ab", "a"]),
    ('start: "a"\n     | "b" // one\n     # two\n     | "c" -> third', ["a", "b", "c", "d"]),
    ('start: "a"* "b"+ "c"?', ["b", "aabbc", "ac"]),
    ('start: ("a" | "b" "c")~2', ["aa", "abc", "bcbc", "a"]),
    ('start: "x"~2..4', ["xx", "xxxx", "xxxxx", "x"]),
    ('start: ["-"] DIGITS\nDIGITS: "0".."9"+', ["-12", "3", "-"]),
    ('start: "Select"i "X"', ["SELECTX", "selectX", "SeLeCtx"]),
    (r'start: /[a-c]+x?/i', ["abC", "aX", "x"]),
    (r'start: /a.b/s', ["a\nb", "axb", "ab"]),
    (r'start: /a.b/', ["a\nb", "a\rb", "axb"]),
    (r'start: /a\/b|\d{2}|\w\s\W/', ["a/b", "12", "a !", "a b"]),
    (r'start: /x{,2}y{1,}/', ["y", "xxyy", "xxxy"]),
    (r'start: /[^a\n]+/ "\n"', ["b\n", "a\n", "\n\n"]),
    (r'start: "\"" "\\" "\n\t" "\x41\u00e9"', ["\"\\\n\tA\u00e9", "\"\\\n\tA"]),
    (r'start: "\d\."', ["\\d\\.", "1."]),
    ('start: A B\nA.2: "a"+\nB: "a" "b"', ["aab", "ab", "aaab"]),
    ('?start: sum\n?sum: product | sum "+" product | sum "-" product\n?product: atom | product "*" atom\n'
     '?atom: NUMBER -> number | "-" atom | "(" sum ")"\nNUMBER: /[0-9]+/', ["1+2*3", "(1-2)*-3", "1+", "((1)", "-(2)"]),
    ('start: item\n!item: "[" _list? "]" | "x"\n_list: item ("," item)*', ["[]", "[x,[x]]", "[,]", "x"]),
    ('start: pair*\npair: KEY "=" VALUE ";"\nKEY: ("a".."z")+\nVALUE: KEY | "0".."9"', ["a=1;", "ab=c;d=2;", "=1;", ""]),
    ('start: WORD ("," WORD)*\n%import common.WORD\n%import common.WS\n%ignore WS', [" ab , c ", "ab,c", "a b", ""]),
    ('start: "a" "b"\n%ignore " "\n%ignore /#[^\\n]*\\n/', ["a b", " ab ", "a#x\nb", "a #"]),
    ('%import common (INT, SIGNED_NUMBER)\n%import common.CNAME -> NAME\nstart: NAME "=" SIGNED_NUMBER | INT',
     ["x_1=-2.5e3", "12", "1x=2", "y=+.5", "y=1."]),
    ('%import common.ESCAPED_STRING\n%import common.NEWLINE\nstart: ESCAPED_STRING NEWLINE', ['"a\\"b"\n', '""\r\n\n', '"a']),
    ('%import common.HEXDIGIT\n%import common.LETTER\n%import common.WS_INLINE\n%import common.CR\nstart: HEXDIGIT LETTER WS_INLINE CR',
     ["fZ \t\r", "gz \r"]),
    ('%import common.C_COMMENT\n%import common.CPP_COMMENT\n%import common.SH_COMMENT\nstart: C_COMMENT | CPP_COMMENT | SH_COMMENT',
     ["/* a */", "/***/", "// b", "# c", "/* "]),
    ('%import common.DECIMAL\n%import common.FLOAT\n%import common.SIGNED_INT\nstart: DECIMAL ":" FLOAT ":" SIGNED_INT',
     ["1.:1e5:+3", ".5:.5e-1:0", "1:1:1"]),
    ('start: a\na: "x" a "y" | "z"', ["z", "xzy", "xxzyy", "xzyy"]),
    ('start: list\nlist: "i" | "i" "," list', ["i", "i,i,i", "i,"]),
    ('start: list\nlist: list "," "i" | "i"', ["i", "i,i,i", ",i"]),
    ('start: | "a"', ["", "a", "aa"]),
    ('start: ("a" | )  "b"', ["b", "ab", "a"]),
    ('start: /\u00e9+/ "\u4e00".."\u4e05"', ["\u00e9\u4e03", "e\u4e03", "\u00e9\u4e06"]),
    (PATCH, ["*** Begin Patch\n*** Add File: a b\n+x\n+\n*** End Patch",
             "*** Begin Patch\n*** Delete File: a\n*** End Patch\n",
             "*** Begin Patch\n*** Update File: a\n*** Move to: b\n@@ f\n-x\n+y<\"\\\n z\n*** End of File\n*** End Patch",
             "*** Begin Patch\n*** End Patch", "*** Begin Patch\n*** Add File: a\nx\n*** End Patch"]),
]


def mutate(rng, text, alphabet):
    letters = list(text)
    for _ in range(rng.randint(1, 2)):
        at = rng.randint(0, len(letters))
        what = rng.randint(0, 2)
        if what == 0:
            letters.insert(at, rng.choice(alphabet))
        elif at < len(letters):
            letters[at:at + 1] = [] if what == 1 else [rng.choice(alphabet)]
    return "".join(letters)


def main():
    rng = random.Random(7)
    count = 0
    with open("tests/golden/lark/verdicts.jsonl", "w") as out:
        for grammar, texts in CASES:
            # OpenAI's readers know terminals that match nothing, Lark's Earley parser does not.
            parser = Lark(grammar.replace("/(.*)/", "/(.+)/?"), parser="earley", lexer="dynamic_complete")
            alphabet = sorted(set("".join(texts))) or ["a"]
            many = list(texts)
            while len(many) < len(texts) + (12 if grammar is PATCH else 25):
                many.append(mutate(rng, rng.choice(texts), alphabet))
            row = {"grammar": grammar, "accepted": [], "refused": []}
            for text in sorted(set(many)):
                try:
                    parser.parse(text)
                    row["accepted"].append(text)
                except LarkError:
                    row["refused"].append(text)
                count += 1
            assert row["accepted"] and row["refused"], grammar
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(count, "verdicts", file=sys.stderr)


if __name__ == "__main__":
    main()
