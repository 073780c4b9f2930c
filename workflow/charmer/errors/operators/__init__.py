"""The operators that break sound code, as people do: in its syntax, or only in what it does.

    for edit in breaks(Ground(text), OPERATORS["lost-bracket"]): ...

Each gives every change that it could make (`changes`), and `breaks` those that do what the family says: what is broken
in its syntax is refused by the running interpreter's parser, what is broken in its meaning is accepted.
Messages and what parses at all differ between versions of Python; a table says which one it was made with.

Three semantic operators are withheld: no training sees them, and the search for fixes (`charmer.errors.candidates`)
knows nothing of their kind. What a model does about them is a measure of what it does about bugs nobody listed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from charmer.errors.edits import Edit, apply
from charmer.errors.operators import layout, losses, meaning, signs
from charmer.errors.operators.ground import Ground, Operator, complaint

__all__ = ["OPERATORS", "SEMANTIC", "SYNTAX", "WITHHELD", "Ground", "Operator", "breaks", "complaint", "drawn"]

OPERATORS = {
    operator.name: operator for operator in (*signs.OPERATORS, *layout.OPERATORS, *meaning.OPERATORS, *losses.OPERATORS)
}
SYNTAX = tuple(name for name, operator in OPERATORS.items() if operator.family == "syntax")
SEMANTIC = tuple(name for name, operator in OPERATORS.items() if operator.family == "semantic")
WITHHELD = tuple(name for name, operator in OPERATORS.items() if operator.withheld)

TRIES = 6  # changes of one operator that are tried before another operator's turn comes


def breaks(source: Ground, operator: Operator) -> Iterator[Edit]:
    """Every edit of `source` by which the operator breaks it, in the order of the text as the operator reads it."""
    for start, end, replacement in operator.changes(source):
        edit = Edit(start, end, replacement, operator.name)
        if does_break(source, operator, edit):
            yield edit


def does_break(source: Ground, operator: Operator, edit: Edit) -> bool:
    """Whether the edit changes the text, and breaks what the operator's family says."""
    if source.text[edit.start : edit.end] == edit.replacement:
        return False
    try:
        refused = complaint(apply(source.text, edit)) is not None
    except (ValueError, RecursionError, MemoryError):
        return False
    return refused == (operator.family == "syntax")


def drawn(source: Ground, operators: Sequence[Operator], chance: random.Random) -> Edit | None:
    """One break at random: an operator by its weight, a place among its places, a change among that place's.

    Where an operator finds nothing to break, another one is drawn. None: none of them can break this text.
    """
    left = list(operators)
    while left:
        operator = chance.choices(left, [one.weight for one in left])[0]
        left.remove(operator)
        places: dict[int, list[tuple[int, int, str]]] = {}
        for change in operator.changes(source):
            places.setdefault(change[0], []).append(change)
        for place in chance.sample(list(places), min(TRIES, len(places))):
            edit = Edit(*chance.choice(places[place]), operator.name)
            if does_break(source, operator, edit):
                return edit
    return None
