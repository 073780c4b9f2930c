"""Brackets and quotes that lack their partner, which may be missing far from where anybody noticed."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from charmer.errors.mends.near import Change, Near, parses_alone, wanted
from charmer.errors.shapes import CLOSING, PAIRS, Shape

QUOTES = str.maketrans("“”„‟«»‘’‚‛`", '"' * 6 + "'" * 5)  # noqa: RUF001
GAPS = 160  # places between pieces at which a bracket or a quote may be missing, the nearest to the fault


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
        at = bisect.bisect_left(near.places, shape.start)
        others = near.code[at + 1 : at + GAPS] if behind else near.code[max(at - GAPS, 0) : at]
        line = near.line_of(shape.start)
        for other in others:
            if abs(near.line_of(other.start) - line) > 12:
                continue
            yield (other.end, other.end, sign) if behind else (other.start, other.start, sign)
            row = near.line_of(other.start)
            begins = near.starts[row - 1]
            if behind and not near.text[other.end : near.starts[row] - 1].strip():  # a head that lost its end
                yield other.end, other.end, f"{sign}:"
            if behind and not near.text[begins : other.start].strip():  # its line began with the partner
                yield other.start, other.start, sign
                if other.start > begins:  # a blank behind it
                    yield other.start - 1, other.start - 1, sign
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
            for found in re.finditer(r"[)\]},]", shape.string):
                yield shape.start + found.start(), shape.start + found.start(), sign
            yield shape.start, shape.start + len(shape.string) - len(shape.string.lstrip("rRbBuUfF")) + 3, ""


def inner(near: Near) -> Iterator[Change]:
    """What is inside of a string and stops the parser: backslashes, an apostrophe, the braces of an f-string."""
    for shape in wanted(near):
        if shape.kind == "string" and "\\" in shape.string and shape.string[0] in "'\"":
            yield shape.start, shape.start, "r"
        if shape.kind == "string" and shape.string[:1] in ("f", "F"):
            for found in re.finditer(r"(?<=\w)\b|\b(?=\w)", shape.string[1:]):
                for brace in "{}":
                    yield shape.start + 1 + found.start(), shape.start + 1 + found.start(), brace
            for found in re.finditer(r"[{}]", shape.string):
                yield shape.start + found.start(), shape.start + found.end(), ""
                yield shape.start + found.start(), shape.start + found.end(), found.group() * 2
    for line in near.lines:
        start, row = near.starts[line - 1], near.rows[line - 1]
        for found in re.finditer(
            r"\{[^{}\"]*\"[^{}]*\"[^{}]*\}", row
        ):  # the quotes of the string around, until Python 3.12
            yield start + found.start(), start + found.end(), found.group().replace('"', "'")
        signs = [found.start() for found in re.finditer("'", row)]
        if len(signs) == 3 and '"' not in row:
            yield start + signs[0], start + signs[2] + 1, f'"{row[signs[0] + 1 : signs[2]]}"'


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
