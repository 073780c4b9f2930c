"""The single edits that could mend a module: from one token to one statement.

The kinds of edit are those in which small fixes of people fall (Karampatsis and Sutton 2020, "How often do single-
statement bugs occur? The ManySStuBs4J dataset", arXiv:1905.13334, and its Python counterpart PySStuBs, Kamienski et al.
2021): another operator, operand, name, attribute or constant; arguments swapped, added or lost; a condition made
stronger, weaker or turned round; a guard, a `return` or a `self` that was forgotten.

What the withheld operators of `charmer.errors.operators` break is not among them: `break` and `continue`, names that
are unpacked in the wrong order, a star before an argument.

None of them is tried here; `charmer.errors.rank` orders them by what a model thinks of the text afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from charmer.errors.candidates import expressions, statements, tokens
from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit

GENERATORS = {**tokens.GENERATORS, **expressions.GENERATORS, **statements.GENERATORS}
TOKEN_KINDS = tuple(tokens.GENERATORS)  # edits that replace, insert or remove a single token
KINDS = tuple(GENERATORS)


def candidates(text: str | Source, lines: Collection[int] | None = None, kinds: Collection[str] = KINDS) -> list[Edit]:
    """The edits of a text that parses, without repetitions, in the order of the text.

    Args:
        text: lines end in "\\n"; or the text as it is already parsed.
        lines: numbers, from 1, of lines on which an edit must begin; None: all.
        kinds: those of `KINDS` that are wanted.

    Raises:
        SyntaxError, ValueError, RecursionError: the text does not parse.
    """
    source = text if isinstance(text, Source) else Source(text)
    found: dict[tuple[int, int, str], Edit] = {}
    wanted = None if lines is None else [(source.line_start(line), source.line_start(line + 1)) for line in lines]
    for edit in _all(source, kinds):
        if source.text[edit.start : edit.end] == edit.replacement:
            continue
        if wanted is None or any(start <= edit.start < end for start, end in wanted):
            found.setdefault((edit.start, edit.end, edit.replacement), edit)
    return sorted(found.values())


def _all(source: Source, kinds: Collection[str]) -> Iterator[Edit]:
    for kind in KINDS:
        if kind in kinds:
            for start, end, replacement in GENERATORS[kind](source):
                yield Edit(start, end, replacement, kind)
