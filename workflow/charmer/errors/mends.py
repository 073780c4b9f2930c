"""Small edits of a text that does not parse, any of which may make it parse: what people forget, double, or mistype.

Notable here: nothing is decided, only listed. Near the fault every piece can be deleted, replaced by what is taken for
it, or get a sign before or behind it; lines can move in and out, join, split, and lose what was pasted with them; a
string can end at any of its pieces. A parser and a model choose (see `syntax`).
"""

from __future__ import annotations

import bisect
import builtins
import difflib
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterator, Sequence

from charmer.errors.edits import Edit
from charmer.errors.shapes import Shape, shapes

PAIRS = {"(": ")", "[": "]", "{": "}"}
CLOSING = {close: open_ for open_, close in PAIRS.items()}
SIGNS_INSERTED = ("(", ")", "[", "]", "{", "}", ":", ",", ".", "=", "==", "+", "-", "*", "%")
INNER = ("in", "is", "not", "as", "if", "else", "import", "from", "for", "and", "or", "def", "class", "return")
WORDS_INSERTED = (*INNER, "None", "0", "lambda", "async")
INSERTED = (*SIGNS_INSERTED, *WORDS_INSERTED)
INSTEAD = {
    "=": ("==", ":=", ":"),
    "==": ("=",),
    ";": (":", ","),
    ".": (",",),
    ",": (":", ""),
    ":": (",", ""),
    "<>": ("!=",),
    "!==": ("!=",),
    "===": ("==",),
    "=>": (">=", "->", ":"),
    "=<": ("<=",),
    "&&": ("and",),
    "||": ("or",),
    "!": ("not ",),
    "++": ("+= 1", "+="),
    "-": ("->",),
    "{": (":",),
}
LANGUAGES = {
    "elseif": ("elif",), "elsif": ("elif",), "catch": ("except",), "throw": ("raise",), "foreach": ("for",),
    "of": ("in",), "delete": ("del",), "function": ("def",), "func": ("def",), "null": ("None",), "switch": ("match",),
    "const": ("",), "let": ("",), "var": ("",), "new": ("",),
}  # fmt: skip
RENAMED = {"class": ("cls", "class_", "klass"), "lambda": ("lambda_",), "from": ("source", "from_")}
KEYWORDS = sorted(word for word in (*keyword.kwlist, "match", "case") if word.islower())
BUILTINS = frozenset(dir(builtins))
QUOTES = str.maketrans("“”„‟«»‘’‚‛`", '"' * 6 + "'" * 5)  # noqa: RUF001
SIGNS = str.maketrans("–—−×÷…≤≥≠", "---*/    ")  # noqa: RUF001
PASTED = re.compile(
    r"""(?P<mark>[ \t]*(?:>>>|\.\.\.|In\ \[\d*\]:|Out\[\d*\]:|\$|>|[+-]|\d+[:.|]?)[ \t]?)(?P<rest>[^\n]*)
    |(?P<line>[ \t]*(?:```\w*|<{7}[^\n]*|={7}|>{7}[^\n]*)[ \t]*\n?)""",
    re.VERBOSE,
)
CUT = {"===": "==", "!==": "!=", "=!": "!=", "=>": ">=", "=<": "<=", "=++": "+=", "@@": "@", "::": ":", ",,": ","}
WHOLE = ("==", "!=", "<=", ">=", ":=", "**", "//", "->", "+=", "-=", "*=", "/=", "%=")
GAPS = 160  # places between pieces at which a bracket or a quote may be missing, the nearest to the fault


def mends(text: str, lines: Sequence[int], start: int, end: int) -> Iterator[Edit]:
    """Edits within `text[start:end]` that begin near one of `lines` (numbers from 1, the likeliest first).

    Repetitions are possible; none is known to parse.
    """
    near = Near(text, lines, start, end)
    for kind, generator in GENERATORS.items():
        for first, last, replacement in generator(near):
            if start <= first <= last <= end and text[first:last] != replacement:
                yield Edit(first, last, replacement, kind)


class Near:
    """A text and the places near its fault.

    Attributes:
        lines: numbers from 1.
        starts: the first character of each line, and one behind the end.
        shapes: the pieces of the block; `of[line]` those that begin on one of `lines`, blanks and comments left out.
    """

    def __init__(self, text: str, lines: Sequence[int], start: int, end: int) -> None:
        self.text, self.start, self.end = text, start, end
        self.rows = text.split("\n")
        self.starts = [0]
        for row in self.rows:
            self.starts.append(self.starts[-1] + len(row) + 1)
        self.lines = [line for line in lines if start <= self.starts[line - 1] <= max(end - 1, start)]
        self.shapes = shapes(text, start, end)
        self.code = [shape for shape in self.shapes if shape.kind not in ("blank", "newline", "comment")]
        self._places = [shape.start for shape in self.code]

    def on(self, line: int) -> list[Shape]:
        """The pieces of code that begin on a line, or stand across its beginning."""
        low = bisect.bisect_left(self._places, self.starts[line - 1])
        high = bisect.bisect_left(self._places, self.starts[line])
        across = low > 0 and self.code[low - 1].end > self.starts[line - 1]
        return self.code[low - across : high]

    def line_of(self, place: int) -> int:
        return bisect.bisect_right(self.starts, place)

    def blanks(self, line: int) -> str:
        row = self.rows[line - 1]
        return row[: len(row) - len(row.lstrip(" \t"))]


Change = tuple[int, int, str]


def _wanted(near: Near) -> Iterator[Shape]:
    for line in near.lines:
        yield from near.on(line)


def deletion(near: Near) -> Iterator[Change]:
    """One piece too many; blanks on one of its sides go with it."""
    for shape in _wanted(near):
        if shape.kind in ("open", "string") and len(shape.string) > 3:
            continue
        yield shape.start, shape.end, ""
        behind = re.compile(r"[ \t]*").match(near.text, shape.end)
        if behind is not None and behind.end() > shape.end:
            yield shape.start, behind.end(), ""
        before = shape.start - len(near.text[: shape.start]) + len(near.text[: shape.start].rstrip(" \t"))
        if before < shape.start and near.text[before - 1 : before] != "\n":
            yield before, shape.end, ""


def insertion(near: Near) -> Iterator[Change]:
    """A sign or keyword that is missing before or behind a piece."""
    for shape in _wanted(near):
        before = near.text[shape.start - 1 : shape.start] if shape.start else "\n"
        behind = near.text[shape.end : shape.end + 1]
        for word in INSERTED:
            if near.text[shape.start - 2 : shape.start] == "  ":  # the blanks on both sides of what is gone
                yield shape.start - 1, shape.start - 1, word
            if word[0].isalnum():
                yield shape.start, shape.start, f"{'' if before in ' ([{' or before.isspace() else ' '}{word} "
                if behind in ("", "\n", ")", "]", "}", ",", ":"):
                    yield shape.end, shape.end, f" {word}"
                continue
            yield shape.start, shape.start, word
            yield shape.end, shape.end, word
            if word == ",":
                yield shape.end, shape.end, ", "
            elif word in ("=", "==", "+", "-", "*", "%"):
                if before == " ":
                    yield shape.start, shape.start, f"{word} "
                yield shape.end, shape.end, f" {word}" if behind == " " else f" {word} "


def replacement(near: Near) -> Iterator[Change]:
    """One sign or word for another."""
    for shape in _wanted(near):
        text = shape.string
        if text in PAIRS or text in CLOSING:
            for other in PAIRS if text in PAIRS else CLOSING:
                yield shape.start, shape.end, other
        for other in INSTEAD.get(text, ()):
            yield shape.start, shape.end, other
        if shape.kind in ("operator", "other") and text not in PAIRS and text not in CLOSING:
            for other in (":", ",", ".", "=", "=="):
                yield shape.start, shape.end, other
        if shape.kind == "name":
            yield from ((shape.start, shape.end, word) for word in _words(text))
        elif shape.kind == "other":
            plain = unicodedata.normalize("NFKC", text).translate(QUOTES).translate(SIGNS)
            yield shape.start, shape.end, {"≠": "!=", "≤": "<=", "≥": ">=", "…": "..."}.get(text, plain.strip())
            yield shape.start, shape.end, " "
            if text == "。":
                yield shape.start, shape.end, "."
        elif shape.kind == "number":
            yield from ((shape.start, shape.end, word) for word in _numbers(text))
    yield from _joined(near)


def _words(text: str) -> list[str]:
    """Keywords that a word may have been meant as, and names that a keyword may stand for."""
    others = [*RENAMED.get(text, ()), f"{text}_"] if text in keyword.kwlist else list(LANGUAGES.get(text, ()))
    if len(text) > 1:
        near = [word for word in KEYWORDS if word != text and _alike(text.lower(), word)]
        others += near
        for word in KEYWORDS:  # a blank that is missing: "returnx"
            if text.startswith(word) and len(text) > len(word):
                others.append(f"{word} {text[len(word) :]}")
    if text in ("True", "False", "None"):
        others = []
    return list(dict.fromkeys(others))


def _alike(text: str, word: str) -> bool:
    """Whether two words are one slip apart: a letter more, less or other, or two neighbours exchanged."""
    if abs(len(text) - len(word)) > 1:
        return False
    if sorted(text) == sorted(word):
        return len(text) <= 3 or difflib.SequenceMatcher(None, text, word).ratio() > 0.7
    if len(text) == len(word):
        return len(word) > 3 and sum(one != other for one, other in zip(text, word, strict=True)) == 1
    longer, shorter = (text, word) if len(text) > len(word) else (word, text)
    return len(shorter) > 1 and any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


def _numbers(text: str) -> Iterator[str]:
    """A number without what does not belong to it."""
    if text.startswith("0") and text.strip("0"):
        yield text.lstrip("0")
    if text[:1] == "0" and text.isdecimal():
        yield f"0o{text[1:]}"
    plain = re.match(r"\d+(?:\.\d+)?", text)
    if plain is not None and plain.end() < len(text):
        yield plain.group()
        yield text[plain.end() :]
        yield f"{plain.group()} {text[plain.end() :]}"
        yield f"{plain.group()}, {text[plain.end() :]}"
    if re.match(r"\d+[^\W\d]", text):
        yield text.lstrip("0123456789")
        yield f"_{text}"


def _joined(near: Near) -> Iterator[Change]:
    """Two pieces that are one: an operator with a blank in it, a name with a hyphen, a keyword in two words."""
    code = list(_wanted(near))
    for one, two in itertools.pairwise(code):
        between = near.text[one.end : two.start]
        if between.strip(" "):
            continue
        both = one.string + two.string
        if one.kind == two.kind == "operator":
            if between and both in WHOLE:
                yield one.start, two.end, both
            if both in CUT:
                yield one.start, two.end, CUT[both]
        elif one.string == "else" and two.string == "if":
            yield one.start, two.end, "elif"
        elif one.kind == two.kind == "name" and between:
            yield one.start, two.end, f"{one.string}_{two.string}"
            yield one.start, two.end, both
            yield one.end, two.start, "."
            if one.string == two.string:
                yield one.start, two.start, ""
        if one.string in ("+", "-", "*", "=") and two.string == one.string:
            yield one.start, two.start, ""
    for one, two, three in zip(code, code[1:], code[2:], strict=False):
        if two.string in ("-", " ") and one.kind == three.kind == "name" and one.end + 1 == three.start:
            yield one.start, three.end, f"{one.string}_{three.string}"
        if (one.string, two.string, three.string) == ("=", "+", "+"):
            yield one.start, three.end, "+="


def bracket(near: Near) -> Iterator[Change]:
    """A bracket that is never closed gets its partner, one that was never opened gets one or goes; at any piece."""
    waiting: list[Shape] = []
    lonely: list[Shape] = []
    for shape in near.code:
        if shape.string in PAIRS:
            waiting.append(shape)
        elif shape.string in CLOSING:
            if waiting and waiting[-1].string == CLOSING[shape.string]:
                waiting.pop()
                continue
            lonely.append(shape)
            partner = next((at for at in reversed(waiting) if at.string == CLOSING[shape.string]), None)
            while waiting and partner is not None:
                last = waiting.pop()
                if last is partner:
                    break
                lonely.append(last)
    for shape in [*waiting, *lonely]:
        yield shape.start, shape.end, ""
        behind = shape.string in PAIRS
        sign = PAIRS[shape.string] if behind else CLOSING[shape.string]
        at = bisect.bisect_left(near._places, shape.start)
        others = near.code[at + 1 : at + GAPS] if behind else near.code[max(at - GAPS, 0) : at]
        line = near.line_of(shape.start)
        for other in others:
            if abs(near.line_of(other.start) - line) > 12:
                continue
            yield (other.end, other.end, sign) if behind else (other.start, other.start, sign)
            if not behind and near.text[other.start - 1 : other.start] == " ":
                yield other.start - 1, other.start, sign
        if behind:
            yield shape.end, shape.end, sign


def string(near: Near) -> Iterator[Change]:
    """Quotes that do not match, are missing at one end, or stand inside of their own string."""
    for line in near.lines:
        start, end = near.starts[line - 1], near.starts[line] - 1
        row = near.text[start:end]
        for found in re.finditer(r"[\"'`“”„«»‘’]{1,3}", row):  # noqa: RUF001
            place, quotes = start + found.start(), found.group()
            plain = quotes.translate(QUOTES)
            for other in {plain, plain.translate({34: "'", 39: '"'})}:
                yield place, place + len(quotes), other
            yield place, place, "\\"
            yield place, place + len(quotes), ""
            if len(quotes) == 1:
                yield place, place + 1, quotes.translate(QUOTES) * 3
                yield place, place, quotes
            elif len(quotes) == 2:
                yield place, place, quotes[0]
        signs = {'"', "'"} & set(row) or {'"', "'"}
        bounds = [start + found.start() for found in re.finditer(r"(?<=\w)\b|\b(?=\w)|(?<=[^\w\s])|(?=[^\w\s])", row)]
        for place in dict.fromkeys([*bounds, end]):
            for sign in sorted(signs):
                yield place, place, sign
                if sign * 3 in near.text:
                    yield place, place, sign * 3
    for shape in near.code:  # one that goes on to the end of the block
        if shape.kind == "open" and "\n" in shape.string:
            sign = shape.string.lstrip("rRbBuUfF")[:3]
            for found in re.finditer(r"[ \t]*\n", shape.string):
                yield shape.start + found.start(), shape.start + found.start(), sign
                after = re.compile(r"[ \t]*").match(near.text, shape.start + found.end())
                if after is not None:
                    yield after.end(), after.end(), sign
            yield shape.start, shape.start + len(shape.string) - len(shape.string.lstrip("rRbBuUfF")) + 3, ""


def indentation(near: Near) -> Iterator[Change]:
    """A line, or a line with what follows it, further in or out; a tab for blanks."""
    for line in near.lines:
        start, blanks = near.starts[line - 1], near.blanks(line)
        around = {near.blanks(other) for other in range(max(line - 12, 1), min(line + 6, len(near.rows)) + 1)}
        around |= {blanks + "    ", blanks[:-4], blanks.expandtabs(8), blanks.expandtabs(4)}
        around |= {one + "    " for one in list(around)}
        for other in sorted(around - {blanks}, key=lambda one: (abs(len(one) - len(blanks)), one)):
            yield start, start + len(blanks), other
        deeper = line
        while deeper < len(near.rows) and (not near.rows[deeper].strip() or len(near.blanks(deeper + 1)) > len(blanks)):
            deeper += 1
        if deeper > line:
            for step in (4, 2, 1):
                part = near.rows[line - 1 : deeper]
                end = near.starts[deeper] - 1
                yield start, end, "\n".join(" " * step + row if row.strip() else row for row in part)
                if all(not row.strip() or row.startswith(" " * step) for row in part):
                    yield start, end, "\n".join(row[step:] for row in part)


def joined(near: Near) -> Iterator[Change]:
    """Lines that are one, or two in one."""
    for line in near.lines:
        if line < len(near.rows):
            end = near.starts[line] - 1
            behind = near.starts[line] + len(near.blanks(line + 1))
            for between in (" ", "", " \\\n" + near.blanks(line + 1), "\\\n" + near.blanks(line + 1)):
                yield len(near.text[:end].rstrip(" \t")), behind, between
            if near.rows[line - 1].rstrip().endswith("\\"):
                place = near.starts[line - 1] + near.rows[line - 1].rindex("\\")
                yield place + 1, end, ""
                yield place, place + 1, ""
        blanks = near.blanks(line)
        for one, two in itertools.pairwise(near.on(line)):
            if near.text[one.end : two.start].strip():
                continue
            for other in dict.fromkeys((blanks, blanks + "    ", blanks[:-4], blanks[:-8])):
                yield one.end, two.start, f"\n{other}"


def body(near: Near) -> Iterator[Change]:
    """A block without a body."""
    for line in near.lines:
        row = near.rows[line - 1]
        if row.split("#")[0].rstrip().endswith(":"):
            yield near.starts[line] - 1, near.starts[line] - 1, f"\n{near.blanks(line)}    pass"


def pasted(near: Near) -> Iterator[Change]:
    """Prompts, marks of comparisons and numbers of lines that were pasted with the code; text that is a comment."""
    for line in near.lines:
        start = near.starts[line - 1]
        found = PASTED.match(near.text, start)
        if found is not None and found["line"]:
            yield start, found.end(), ""
        elif found is not None:
            yield start, found.end("mark"), ""
            yield start, start + len(found["mark"].rstrip(" \t")), ""
            yield start + len(near.blanks(line)), found.end("mark"), ""
            yield start, found.end("mark"), near.blanks(line)
            yield from _session(near, line)
        row = near.rows[line - 1]
        words = row.split()
        if len(words) > 1 and not parses_alone(row):
            place = start + len(near.blanks(line))
            yield place, place, "# "
        for shape in near.on(line)[1:]:  # a comment behind code that lost its sign
            if shape.kind == "name" and near.text[shape.start - 2 : shape.start] == "  ":
                yield shape.start, shape.start, "# "


def parses_alone(row: str) -> bool:
    """Whether a line is code by itself: it may not be lost to a comment."""
    from charmer.errors.block import parses

    plain = row.strip()
    return parses(plain) or (plain.endswith(":") and parses(f"{plain}\n pass"))


def _session(near: Near, line: int) -> Iterator[Change]:
    """Neighbours that all begin with a prompt lose theirs together."""
    prompt = re.compile(r"[ \t]*(?:>>>|\.\.\.|[+>]|\d+[:.|]?)(?: |$)")
    first = last = line
    while first > 1 and prompt.match(near.rows[first - 2]):
        first -= 1
    while last < len(near.rows) and prompt.match(near.rows[last]):
        last += 1
    if first < last:
        start, end = near.starts[first - 1], near.starts[last] - 1
        yield start, end, "\n".join(prompt.sub("", row, count=1) for row in near.rows[first - 1 : last])


def glued(near: Near) -> Iterator[Change]:
    """Two words in one, where the sign, the blank or the end of the line between them is gone."""
    words = {shape.string for shape in near.code if shape.kind == "name"} | set(keyword.kwlist) | BUILTINS
    for shape in _wanted(near):
        if shape.kind != "name":
            continue
        blanks = near.blanks(near.line_of(shape.start))
        for at in range(1, len(shape.string)):
            if shape.string[:at] in words and shape.string[at:] in words:
                place = shape.start + at
                for sign in (
                    " ",
                    ".",
                    ", ",
                    "(",
                    "[",
                    "=",
                    " = ",
                    f"\n{blanks}",
                    f"\n{blanks}    ",
                    f"\n{blanks[:-4]}",
                ):
                    yield place, place, sign


def docstring(near: Near) -> Iterator[Change]:
    """Three quotes of which one side is missing, perhaps far from where anybody noticed: text that is no code."""
    for sign in ('"""', "'''"):
        if near.text.count(sign) % 2 == 0:
            continue
        for line, row in enumerate(near.rows, 1):
            if row.strip() and not parses_alone(row):
                begin, end = near.starts[line - 1] + len(near.blanks(line)), near.starts[line] - 1
                if line == 1 or near.rows[line - 2].rstrip().endswith(":") or not near.rows[line - 2].strip():
                    yield begin, begin, sign
                yield end, end, sign
                if row.strip().endswith(sign) and not row.strip().startswith(sign):
                    yield begin, begin, sign
            elif not row.strip() or row.strip().startswith(sign):
                yield near.starts[line - 1] + len(near.blanks(line)), near.starts[line] - 1, sign


def python_2(near: Near) -> Iterator[Change]:
    """Statements of the Python before this one."""
    for line in near.lines:
        start, row = near.starts[line - 1], near.rows[line - 1]
        for pattern, form in (
            (r"(?P<a>\bprint)[ \t]+(?P<b>[^(\n#].*?|\(.*?)(?=[ \t]*(?:;|#|$))", "{a}({b})"),
            (r"(?P<a>\bexcept\b[^,:\n]*|\bexcept[ \t]*\([^)\n]*\)),[ \t]*(?P<b>\w+)", "{a} as {b}"),
            (r"(?P<a>\braise[ \t]+[\w.]+)[ \t]*,[ \t]*(?P<b>[^#\n]*[^#\s])", "{a}({b})"),
            (r"(?P<a>\bexec)[ \t]+(?P<b>[^(\n#]+)", "{a}({b})"),
            (r"`(?P<a>)(?P<b>[^`\n]+)`", "repr({b})"),
        ):
            for found in re.finditer(pattern, row):
                yield start + found.start(), start + found.end(), form.format(a=found["a"], b=found["b"])


GENERATORS = {
    "bracket": bracket,
    "deletion": deletion,
    "insertion": insertion,
    "replacement": replacement,
    "string": string,
    "indentation": indentation,
    "line": joined,
    "body": body,
    "pasted": pasted,
    "python 2": python_2,
    "glued": glued,
    "docstring": docstring,
}
