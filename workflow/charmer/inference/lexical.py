"""Where a piece of Python stands at its end: inside which brackets, strings and lines.

Notable here: text under a person's cursor is seldom whole, so nothing is tokenized. One pass notes what opens and
closes, at the speed of regular expressions (about 10 MB/s), and goes on from any earlier state.

Replacement fields of f-strings are code and nest. Before Python 3.12 they can hold neither a backslash, a comment nor
their string's own quotes (PEP 701); the rules here are those of the interpreter that runs.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import NamedTuple

NESTED_QUOTES = sys.version_info >= (3, 12)
FIELD, FORMAT = "field", "format"  # a replacement field of an f-string, and what stands behind its colon
CLOSES = {")": "(", "]": "[", "}": "{"}

_CODE = re.compile(r"#[^\n]*|\\\n|\n|(?:(?<!\w)[rRbBuUfF]{1,2})?(?:\"\"\"|'''|\"|')|[()\[\]{}]")
_FIELD = re.compile(_CODE.pattern + r"|\\|[:!]")
_FORMAT = re.compile(r"[{}\n]|'''|\"\"\"|['\"]")


class Frame(NamedTuple):
    """Something open: a bracket, a string (its prefix and quotes), FIELD or FORMAT; and where it begins."""

    opener: str
    start: int

    @property
    def quotes(self) -> str:
        """The quotes that end it, none where it is no string."""
        return self.opener.lstrip("rRbBuUfF") if self.opener[-1] in "'\"" else ""

    @property
    def formatted(self) -> bool:
        """Whether it is an f-string."""
        return bool(self.quotes) and "f" in self.opener.lower()


@dataclass
class Lexed:
    """What `scan` found.

    Attributes:
        open: what is open at the end, outermost first.
        comment: whether the end is inside a comment.
        lines: where logical lines begin, the text's beginning among them if it begins one; blank lines count.
        strings: where each whole string outside of another begins and ends.
        left: where the first bracket or string is closed that was open before the text; None: none is.
        broken: where what no text can mend begins (brackets that don't match, a string that its line ends); or None.
    """

    open: list[Frame] = field(default_factory=list)
    comment: bool = False
    lines: list[int] = field(default_factory=list)
    strings: list[tuple[int, int]] = field(default_factory=list)
    left: int | None = None
    broken: int | None = None


def scan(text: str, before: Lexed | None = None) -> Lexed:
    """Read `text`, whose line ends are newlines; as the continuation of what `before` was found in, if given.

    Offsets are those in `text`; frames of `before` keep theirs, which `text` knows nothing of.
    """
    found = Lexed(list(before.open), before.comment) if before else Lexed(lines=[0])
    depth = len(found.open)
    place = 0
    if found.comment:
        place = text.find("\n")
        if place < 0:
            return found
        found.comment = False
    while place < len(text) and found.broken is None:
        top = found.open[-1] if found.open else None
        if top is None or not (top.quotes or top.opener == FORMAT):
            place = _code(text, place, found)
        elif top.quotes:
            place = _string(text, place, top, found)
        else:
            place = _format(text, place, found)
        if found.left is None and len(found.open) < depth:
            found.left = place - (len(top.quotes) or 1 if top else 1)
    return found


def _code(text: str, place: int, found: Lexed) -> int:
    """Read code up to and with the next thing that opens or closes; gives where to go on."""
    top = found.open[-1].opener if found.open else ""
    match = (_FIELD if top == FIELD else _CODE).search(text, place)
    if match is None:
        return len(text)
    piece, start, end = match.group(), match.start(), match.end()
    if piece[-1] in "'\"" and piece[0] != "#":
        if not NESTED_QUOTES and any(frame.quotes and frame.quotes[0] == piece[-1] for frame in found.open):
            outer = next(frame.quotes for frame in found.open if frame.quotes)
            if len(outer) == 1 or piece.endswith(outer):
                found.broken = start
        found.open.append(Frame(piece, start))
    elif piece in "([{":
        found.open.append(Frame(piece, start))
    elif piece == "}" and top == FIELD:
        found.open.pop()
    elif piece in CLOSES:
        if top != CLOSES[piece]:
            found.broken = start
        else:
            found.open.pop()
    elif piece == ":":
        found.open.append(Frame(FORMAT, start))
    elif not NESTED_QUOTES and piece[0] in "#\\\n" and _within_field(found):
        if piece[0] != "\n" or len(next(frame.quotes for frame in found.open if frame.quotes)) == 1:
            found.broken = start
    elif piece == "\n":
        if not found.open:
            found.lines.append(end)
    elif piece[0] == "#":
        found.comment = end == len(text)
    return end


def _within_field(found: Lexed) -> bool:
    return any(frame.opener == FIELD for frame in found.open)


def _string(text: str, place: int, top: Frame, found: Lexed) -> int:
    """Read a string up to its end, or up to and with the brace that begins a field."""
    quotes = top.quotes
    pattern = _BODY[quotes, top.formatted, "r" in top.opener.lower()]
    match = pattern.match(text, place)
    assert match is not None, "every part of a body may be empty"
    end = match.end()
    if text.startswith(quotes, end):
        found.open.pop()
        if not any(frame.quotes for frame in found.open):
            found.strings.append((top.start, end + len(quotes)))
        return end + len(quotes)
    if end < len(text) and text[end] == "{":
        found.open.append(Frame(FIELD, end))
        return end + 1
    if end < len(text) and text[end] == "\n":
        found.broken = end
    return len(text)


def _body(quotes: str, formatted: bool, raw: bool) -> re.Pattern[str]:
    """What a string can hold up to its end or its first field; an escape is whole or the text ends inside it."""
    mark = quotes[0]
    plain = rf"[^\\{mark}" + ("" if len(quotes) == 3 else "\n") + ("{" if formatted else "") + "]+"
    parts = [plain] if raw or not formatted else [r"\\N\{[^}" + mark + r"\n]*\}?", plain]
    parts += [r"\\(?=\{)"] if formatted else []
    parts += [r"\\(?:[^{]|\Z)" if formatted else r"\\(?:.|\Z)"]
    if formatted:
        parts.append(r"\{\{")
    if len(quotes) == 3:
        parts.append(rf"{mark}(?!{mark}{mark})")
    return re.compile("(?:" + "|".join(parts) + ")*", re.DOTALL)


_BODY = {
    (quotes, formatted, raw): _body(quotes, formatted, raw)
    for quotes in ('"""', "'''", '"', "'")
    for formatted in (True, False)
    for raw in (True, False)
}


def _format(text: str, place: int, found: Lexed) -> int:
    """Read what stands behind a field's colon: text with fields of its own."""
    match = _FORMAT.search(text, place)
    if match is None:
        return len(text)
    outer = next(frame.quotes for frame in reversed(found.open) if frame.quotes)
    if match.group() == "{":
        found.open.append(Frame(FIELD, match.start()))
    elif match.group() == "}":
        del found.open[-2:]
    elif match.group() == outer or (match.group() == "\n" and len(outer) == 1):
        found.broken = match.start()
    return match.end()
