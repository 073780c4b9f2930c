"""Held-out code with a part taken out: a line, a span of characters, or a function's body.

One file gives one part of each kind before any gives its second, and where it is cut depends on nothing but the place
in the corpus, so that two models are asked the same.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charmer.common.failure import Failure
from charmer.evaluation.support import heldout, lines
from charmer.evaluation.support.functions import BROKEN
from charmer.tokens.shards import batches as read_shards

KINDS = ("line", "span", "body")
SPAN = (10, 80)  # characters
BODY = (2, 6)  # lines of a body, and its characters are at most:
BODY_CHARACTERS = 240


@dataclass(frozen=True)
class Case:
    """One text without its middle.

    Attributes:
        kind: of KINDS.
        prefix, middle, suffix: the file's text, in three parts.
    """

    kind: str
    path: str
    prefix: str
    middle: str
    suffix: str


def held_out(shards: Path, count: int) -> dict[str, list[Case]]:
    """At most `count` cases of each kind.

    Raises:
        Failure: the split has none of any kind.
    """
    rows = [row for batch in read_shards(shards, ["text", "source", "package", "path"]) for row in batch.to_pylist()]
    rows.sort(key=lambda row: heldout.order(row["source"], row["package"], row["path"]))
    found = {kind: _round_robin([cases(kind, row["text"], row["path"]) for row in rows], count) for kind in KINDS}
    if not any(found.values()):
        raise Failure(f"{shards}: holds no code whose middle could be taken out; add sources to the corpus")
    return found


def _round_robin(waiting: list[Iterator[Case]], count: int) -> list[Case]:
    """The first of each, then the second of each, and so on, until there are `count`."""
    found: list[Case] = []
    while waiting and len(found) < count:
        left = []
        for cases_ in waiting:
            if len(found) < count and (case := next(cases_, None)) is not None:
                found.append(case)
                left.append(cases_)
        waiting = left
    return found


def cases(kind: str, text: str, path: str) -> Iterator[Case]:
    """The cases of one file, in a fixed random order."""
    seed = int.from_bytes(hashlib.sha256(f"{path}\0{kind}".encode()).digest()[:8], "big")
    random = np.random.default_rng(seed)
    places = {"line": _lines, "span": _spans, "body": _bodies}[kind](text, random)
    for first, second in places:
        if not text[second:].strip():
            continue  # nothing but the beginning is left to read: that is no middle
        yield Case(kind, path, text[:first], text[first:second], text[second:])


def _shuffled(places: list[tuple[int, int]], random: np.random.Generator) -> Iterator[tuple[int, int]]:
    return (places[place] for place in random.permutation(len(places)))


def _lines(text: str, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Logical lines of code, at least three tokens long, without the blanks before and the newline behind."""
    starts = _starts(text)
    return _shuffled(
        [
            (starts[tokens[0].start[0] - 1] + tokens[0].start[1], starts[tokens[0].start[0] - 1] + tokens[-1].end[1])
            for tokens in lines.code_lines(text)
            if len(tokens) >= 3
        ],
        random,
    )


def _spans(text: str, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Spans of any characters, wherever they begin and end, that are not blank."""
    if len(text) < 4 * SPAN[1]:
        return
    for _ in itertools.repeat(None, 100):
        first = int(random.integers(0, len(text) - SPAN[1]))
        second = first + int(random.integers(*SPAN))
        if text[first:second].strip():
            yield first, second


def _bodies(text: str, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Bodies of short functions, behind the docstring if there is one, from the first statement to the last's end."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except BROKEN:
        return iter(())
    starts, source = _starts(text), text.encode()
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[ast.get_docstring(node, clean=False) is not None :]
        if not body or not BODY[0] <= (body[-1].end_lineno or 0) - body[0].lineno + 1 <= BODY[1]:
            continue
        if not source.isascii():  # ast counts columns in bytes
            continue
        first = starts[body[0].lineno - 1] + body[0].col_offset
        second = starts[(body[-1].end_lineno or 1) - 1] + (body[-1].end_col_offset or 0)
        if second - first <= BODY_CHARACTERS and body[0].lineno > node.lineno:
            found.append((first, second))
    return _shuffled(found, random)


def _starts(text: str) -> list[int]:
    """Where each line begins."""
    return list(itertools.accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
