"""What another language, or a typesetter, would have there: signs, words, quotes, and numbers with a leading zero.

Notable here: who writes `else if` or `i++` means one thing, and did not put in a piece too many. So these repairs cost
little (see `syntax.slip`), however dear what they remove would be.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

from charmer.errors.edits import Edit, smallest
from charmer.errors.mends.near import Change, Near, wanted
from charmer.errors.mends.quotes import QUOTES

SIGNS = {
    "<>": ("!=",), "===": ("==",), "!==": ("!=",), "=!": ("!=",), "=>": (">=", "->", ":"), "=<": ("<=",), "@@": ("@",),
    "&&": ("and",), "||": ("or",), "!": ("not ",), "++": (" += 1",), "--": (" -= 1",), "=++": ("+=",), "::": (":",),
    ",,": (",",),
}  # fmt: skip
WORDS = {
    "elseif": ("elif",), "elsif": ("elif",), "catch": ("except",), "throw": ("raise",), "foreach": ("for",),
    "of": ("in",), "on": ("in",), "is": ("in",), "a": ("as",), "delete": ("del",), "function": ("def",),
    "func": ("def",), "null": ("None",), "switch": ("match",), "const": ("",), "let": ("",), "var": ("",),
    "new": ("",),
}  # fmt: skip
ROWS = (
    (r"\bimport[ \t]+([\w, ]*\w)[ \t]+from[ \t]+([\w.]+)", r"from \2 import \1"),
    (r"(?<=[=(,] )([^=(,?]+?)[ \t]*\?[ \t]*([^:?]+?)[ \t]*:[ \t]*([^\n;]+)", r"\2 if \1 else \3"),
    (r"(?<=return )([^?]+?)[ \t]*\?[ \t]*([^:?]+?)[ \t]*:[ \t]*([^\n;]+)", r"\2 if \1 else \3"),
)
MODE = re.compile(r"0[0-7]{3}")  # of a file; any other zero before a number is one too many
LONGEST = 3  # pieces that are one sign
DASHES = str.maketrans("–—−×÷…≤≥≠", "---*/    ")  # noqa: RUF001


def foreign(near: Near) -> Iterator[Change]:
    """A sign, a word or all of a line as Python writes it."""
    code = list(wanted(near))
    for shape in code:
        for meant in (*SIGNS.get(shape.string, ()), *WORDS.get(shape.string, ())):
            yield shape.start, shape.end, meant
        if shape.kind == "number" and MODE.fullmatch(shape.string):
            yield shape.start, shape.end, f"0o{shape.string[1:]}"
    for count in range(2, LONGEST + 1):
        for pieces in zip(*(code[at:] for at in range(count)), strict=False):
            if pieces[-1].end - pieces[0].start == sum(len(one.string) for one in pieces):
                for meant in SIGNS.get("".join(one.string for one in pieces), ()):
                    yield pieces[0].start, pieces[-1].end, meant
    for one, two in itertools.pairwise(code):
        if (one.string, two.string) == ("else", "if"):
            yield one.start, two.end, "elif"
        elif one.string == "else" and two.string != ":":
            yield one.start, one.end, "elif"
    for line in near.lines:
        row = near.rows[line - 1]
        for pattern, form in ROWS:
            for found in re.finditer(pattern, row):
                yield near.starts[line - 1] + found.start(), near.starts[line - 1] + found.end(), found.expand(form)
        plain = unicodedata.normalize("NFKC", row.translate(QUOTES).translate(DASHES))
        if not row.isascii() and plain != row:
            start = near.starts[line - 1]
            least = smallest(near.text, Edit(start, start + len(row), plain))
            yield least.start, least.end, least.replacement
