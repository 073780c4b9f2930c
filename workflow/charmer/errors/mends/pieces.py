"""One piece too many, one too few, one for another, and pieces that are one: signs, words and numbers.

Notable here: what is taken for what is a table, and a keyword is also looked for one slip away from a word.
"""

from __future__ import annotations

import builtins
import difflib
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterator

from charmer.errors.mends.foreign import DASHES
from charmer.errors.mends.near import Change, Near, wanted
from charmer.errors.mends.quotes import QUOTES
from charmer.errors.shapes import CLOSING, PAIRS

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
    "-": ("->",),
    "{": (":",),
}
RENAMED = {"class": ("cls", "class_", "klass"), "lambda": ("lambda_",), "from": ("source", "from_")}
KEYWORDS = sorted(word for word in (*keyword.kwlist, "match", "case") if word.islower())
BUILTINS = frozenset(dir(builtins))
FIRST = ("self", "cls")  # of a method's parameters
WELL_KNOWN = frozenset(("dataclass", "lru_cache", "wraps", "parametrize", "fixture", "route"))  # with arguments
WHOLE = ("==", "!=", "<=", ">=", ":=", "**", "//", "->", "+=", "-=", "*=", "/=", "%=")


def deletion(near: Near) -> Iterator[Change]:
    """One piece too many; blanks on one of its sides go with it."""
    for shape in wanted(near):
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
    for one, two in itertools.pairwise(wanted(near)):
        if one.string == "def" and two.kind == "name":
            yield two.end, two.end, "()"
            lost = re.compile(r"[ \t]+([\w, =]*\w)[ \t]*(?=:)").match(near.text, two.end)
            if lost is not None:
                yield lost.start(), lost.end(), f"({lost[1]})"
    for line in near.lines:
        if " if " in near.rows[line - 1]:
            end = near.starts[line - 1] + len(near.rows[line - 1].rstrip())
            yield end, end, " else None"
    for shape in wanted(near):
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
    for shape in wanted(near):
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
            plain = unicodedata.normalize("NFKC", text).translate(QUOTES).translate(DASHES)
            yield shape.start, shape.end, {"≠": "!=", "≤": "<=", "≥": ">=", "…": "..."}.get(text, plain.strip())
            yield shape.start, shape.end, " "
            if text == "。":
                yield shape.start, shape.end, "."
        elif shape.kind == "number":
            yield from ((shape.start, shape.end, word) for word in _numbers(text))
    yield from _joined(near)


def _words(text: str) -> list[str]:
    """Keywords that a word may have been meant as, and names that a keyword may stand for."""
    others = [*RENAMED.get(text, ()), f"{text}_"] if text in keyword.kwlist else []
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
    code = list(wanted(near))
    for one, two in itertools.pairwise(code):
        between = near.text[one.end : two.start]
        if between.strip(" "):
            continue
        both = one.string + two.string
        if one.kind == two.kind == "operator":
            if between and both in WHOLE:
                yield one.start, two.end, both
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


def glued(near: Near) -> Iterator[Change]:
    """Two words in one, where the sign, the blank or the end of the line between them is gone."""
    words = {shape.string for shape in near.code if shape.kind == "name"} | set(keyword.kwlist) | BUILTINS
    for shape in wanted(near):
        if shape.kind != "name":
            continue
        for first in FIRST:  # the name of a method stands nowhere else
            if shape.string.endswith(first) and shape.string != first:
                yield shape.end - len(first), shape.end - len(first), "("
        for known in WELL_KNOWN:
            if shape.string.startswith(known) and near.text[shape.start - 1 : shape.start] in ("@", "."):
                yield shape.start + len(known), shape.start + len(known), "("
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
