"""Small edits of a text that does not parse, any of which may make it parse: what people forget, double, or mistype.

Notable here: nothing is decided, only listed. Near the fault every piece can be deleted, replaced by what is taken for
it, or get a sign before or behind it; lines can move in and out, join, split, and lose what was pasted with them; a
string can end at any of its pieces. A parser and a model choose (see `syntax`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charmer.errors.edits import Edit
from charmer.errors.mends.foreign import foreign
from charmer.errors.mends.lines import body, indentation, joined, pasted, python_2
from charmer.errors.mends.near import Near
from charmer.errors.mends.pieces import deletion, glued, insertion, replacement
from charmer.errors.mends.quotes import bracket, docstring, inner, string

GENERATORS = {  # the first that lists an edit gives it its kind
    "foreign": foreign,
    "bracket": bracket,
    "deletion": deletion,
    "insertion": insertion,
    "replacement": replacement,
    "string": string,
    "inner": inner,
    "indentation": indentation,
    "line": joined,
    "body": body,
    "pasted": pasted,
    "python 2": python_2,
    "glued": glued,
    "docstring": docstring,
}


def mends(text: str, lines: Sequence[int], start: int, end: int) -> Iterator[Edit]:
    """Edits within `text[start:end]` that begin near one of `lines` (numbers from 1, the likeliest first).

    Repetitions are possible; none is known to parse.
    """
    near = Near(text, lines, start, end)
    for kind, generator in GENERATORS.items():
        for first, last, written in generator(near):
            if start <= first <= last <= end and text[first:last] != written:
                yield Edit(first, last, written, kind)
