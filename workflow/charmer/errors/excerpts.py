"""Excerpts: a few whole statements of a file that parse by themselves, as much of it as a model's window shows.

Of a class that is too long to be taken whole, its head and some of its methods make the excerpt, so that methods keep
the class and the indentation that they are written with.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator

from charmer.errors.candidates.source import FUNCTIONS, Source


def excerpt(source: Source, longest: int, chance: random.Random) -> str | None:
    """Consecutive statements around a function that is drawn at random, at most `longest` characters together.

    None: the text has no function of at most that length.
    """
    bodies: list[tuple[str, list[ast.stmt]]] = [("", source.tree.body)]
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and _length(source, node) > longest and node.body[0].lineno > node.lineno:
            head = source.text[source.line_start(_first(node)) : source.line_start(_first(node.body[0]))]
            bodies.append((head, node.body))
    choices = [
        (head, body, number)
        for head, body in bodies
        for number, statement in enumerate(body)
        if isinstance(statement, FUNCTIONS | ast.ClassDef) and len(head) + _length(source, statement) <= longest
    ]
    if not choices:
        return None
    head, body, number = chance.choice(choices)
    low = high = number
    text = head + _lines(source, body, low, high)
    for grown in _growing(len(body), number, chance):
        low, high = min(low, grown), max(high, grown)
        longer = head + _lines(source, body, low, high)
        if len(longer) > longest:
            break
        text = longer
    return text


def _growing(count: int, number: int, chance: random.Random) -> Iterator[int]:
    """The neighbours of a statement, one further away after the other, now of this side and now of that."""
    before, after = list(range(number - 1, -1, -1)), list(range(number + 1, count))
    while before or after:
        side = before if before and (not after or chance.random() < 0.5) else after
        yield side.pop(0)


def _first(statement: ast.stmt) -> int:
    """The line in which a statement begins, its decorators included."""
    return min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])


def _length(source: Source, statement: ast.stmt) -> int:
    return source.line_start((statement.end_lineno or 0) + 1) - source.line_start(_first(statement))


def _lines(source: Source, body: list[ast.stmt], low: int, high: int) -> str:
    """The lines of some statements of a body, with the comments between them."""
    start, end = source.line_start(_first(body[low])), source.line_start((body[high].end_lineno or 0) + 1)
    return source.text[start:end]
