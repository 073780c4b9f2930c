"""All that could mend a text, ranked: enumerated edits and the model's own lines, together under one model.

Notable here:
- Nothing is tried here. What a text that does not parse needs comes from the parser's own complaint (see
  `charmer.errors.syntax`). A text that parses gets every edit of its suspicious lines, up to `MOST`: those that failing
  tests run come first, and among them those in which the model itself sees a slip (see `charmer.errors.suspicious`).
- Of a long text of which tests tell where to look, only the statements there are read (`Part`).
- A deadline ends the model's work, not the answer: what it has not read by then is ranked by all the rest.
"""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from charmer.errors import syntax
from charmer.errors.block import BROKEN, parses
from charmer.errors.candidates import candidates
from charmer.errors.candidates.source import FUNCTIONS, Source
from charmer.errors.edits import Edit, apply, line_of
from charmer.errors.infill import KIND, infilled
from charmer.errors.protected import Protected
from charmer.errors.rank import Judged, Reading
from charmer.errors.search import scores
from charmer.errors.suspicion import Hints, Spectrum
from charmer.errors.suspicious import spots
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST = 6000  # edits that are ranked
JUDGED = 600  # of them that the model reads to their end, for each half context of tokens: by their first token
UNREAD = -25.0  # nats that stand for the others, which come last
TOGETHER = 20  # lines whose edits are listed at once
INFILLED, AT_ONCE = 8, 2  # lines at which the model writes, and those of them between two looks at the clock
LONG = 2000  # lines of a text that is read whole although tests tell where to look
FEW = 1000  # edits of a longer one that are ranked: to place, try and show one takes time there


@dataclass(frozen=True)
class Mender:
    """A model that ranks edits, and writes some of its own.

    Attributes:
        middle: whether it learned to fill in the middle.
    """

    model: Transformer
    tokenizer: Tokenizer
    middle: bool = False

    def proposals(
        self,
        text: str,
        spectrum: Spectrum | None = None,
        error: str = "",
        most: int = MOST,
        deadline: float = math.inf,
    ) -> tuple[list[Edit], np.ndarray]:
        """The edits of a text that parses, and the score of each, in nats.

        Args:
            spectrum: how suspicious its lines are, where tests have told.
            error: what ended the tests.
            deadline: of `time.monotonic`.

        Raises:
            SyntaxError, ValueError, RecursionError: the text does not parse.
        """
        source = Source(text)
        if spectrum is None or not spectrum.lines or len(source.lines) <= LONG:
            return self._ranked(source, spectrum, error, most, deadline)
        try:
            part = Part(source, spectrum)
        except BROKEN:  # statements that share a line
            return self._ranked(source, spectrum, error, most, deadline)
        edits, found = self._ranked(part.source, part.spectrum, error, min(most, FEW), deadline)
        places = part.places(edits)
        return list(places.values()), found[list(places)]

    def _ranked(
        self, source: Source, spectrum: Spectrum | None, error: str, most: int, deadline: float
    ) -> tuple[list[Edit], np.ndarray]:
        text, protected = source.text, Protected(source)
        lines = suspects(source, spectrum, self._likely(text, (time.monotonic() + deadline) / 2))
        edits: list[Edit] = []
        for first in range(0, len(lines), TOGETHER):
            edits += [edit for edit in candidates(source, lines[first : first + TOGETHER]) if protected.allows(edit)]
            if len(edits) >= most or time.monotonic() > deadline:
                break
        edits = edits[:most]
        known = {(edit.start, edit.end, edit.replacement) for edit in edits}
        for first in range(0, INFILLED, AT_ONCE):
            if time.monotonic() > deadline:
                break
            own = infilled(self.model, self.tokenizer, source, lines[:INFILLED][first : first + AT_ONCE], self.middle)
            edits += [
                edit for edit in own if protected.allows(edit) and (edit.start, edit.end, edit.replacement) not in known
            ]
        return edits, scores(text, edits, self._changes(text, edits, deadline), spectrum, Hints(error))

    def _likely(self, text: str, deadline: float) -> list[int]:
        """The lines in which the model sees a slip, the likeliest first; none where the time is over before."""
        try:
            return [spot.line for spot in spots(self.model, self.tokenizer, text, go_on=until(deadline))]
        except TimeoutError:
            return []

    def _changes(self, text: str, edits: Sequence[Edit], deadline: float) -> list[float]:
        """How much each edit changes the text's log-likelihood, in nats, as far as the model reads it; where the time
        is over before, as far as its first token tells."""
        firsts: dict[int, float] = {}

        def promise(number: int, judged: Judged) -> float:
            firsts[number] = judged.first
            return judged.first

        try:
            reading = Reading(self.model, self.tokenizer, text, until(deadline))
            judged = reading.judge(edits, most=JUDGED, promise=promise)
        except TimeoutError:
            return [firsts.get(number, UNREAD) for number in range(len(edits))]
        return [UNREAD if one is None or one.change is None else one.change for one in judged]

    def slips(self, text: str, count: int, deadline: float = math.inf) -> list[Edit]:
        """The `count` likeliest slips of a text that parses, each of another line.

        Raises:
            SyntaxError, ValueError, RecursionError: the text does not parse.
            TimeoutError: `deadline`, of `time.monotonic`, came first.
        """
        protected = Protected(Source(text))
        chosen: dict[int, Edit] = {}
        for spot in spots(self.model, self.tokenizer, text, go_on=until(deadline)):
            if protected.allows(spot.edit):
                chosen.setdefault(spot.line, spot.edit)
        return list(chosen.values())[:count]

    def repairs(self, text: str, deadline: float = math.inf) -> tuple[list[Edit], np.ndarray]:
        """The edits with which a text parses that does not, and how much each changes its log-likelihood, in nats; of a
        text with several faults the one that mends them all.

        Raises:
            TimeoutError: `deadline`, of `time.monotonic`, came first.
        """
        found = syntax.repairs(self.model, self.tokenizer, text, until(deadline))
        if not found:
            whole = syntax.together(self.model, self.tokenizer, text, until(deadline))
            found = [] if whole is None else [(whole, 0.0)]
        return [edit for edit, _ in found], np.array([score for _, score in found], np.float64)


class Part:
    """What of a long text is read: the statements that hold its most suspicious lines, and its imports.

    Attributes:
        source: these alone, about `LONG` lines.
        spectrum: of their lines.

    Raises:
        SyntaxError: they do not parse by themselves.
    """

    def __init__(self, whole: Source, spectrum: Spectrum) -> None:
        self.whole = whole
        self.lines = _chosen(whole, spectrum)
        self.source = Source("".join(f"{whole.lines[line - 1]}\n" for line in self.lines))
        weights = [(number, spectrum.lines.get(line)) for number, line in enumerate(self.lines, start=1)]
        self.spectrum = Spectrum({number: weight for number, weight in weights if weight is not None})

    def places(self, edits: Sequence[Edit]) -> dict[int, Edit]:
        """The same edits of the whole text, by their numbers, without those that would not fit or parse there."""
        found = {}
        for number, edit in enumerate(edits):
            line = min(line_of(self.source.text, edit.start), len(self.lines))
            shift = self.whole.line_start(self.lines[line - 1]) - self.source.line_start(line)
            moved = replace(edit, start=edit.start + shift, end=edit.end + shift)
            fits = self.whole.text[moved.start : moved.end] == self.source.text[edit.start : edit.end]
            if fits and (edit.kind != KIND or parses(apply(self.source.text, edit))):  # cheaper here than there
                found[number] = moved
        return found


def _chosen(source: Source, spectrum: Spectrum) -> list[int]:
    """The lines of a `Part`. A function of which only the head was run is none of it: every import runs that."""
    functions = [node for node in source.nodes if isinstance(node, FUNCTIONS)]
    heads = {line for node in functions for line in range(_lines(node).start, node.body[0].lineno)}
    heads -= _inside(source)
    units = list(_units(source.tree.body))
    holding = {line: number for number, unit in enumerate(units) for line in unit[-1]}
    named = [line for line in spectrum.lines if line in holding]
    named = [line for line in named if line not in heads] or named
    imports = [node for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    kept = {line for node in imports for line in _lines(node)}
    for line in sorted(named, key=lambda line: (-spectrum.lines[line], line)):
        if len(kept) > LONG:
            break
        kept.update(*units[holding[line]])
    return sorted(kept)


def _inside(source: Source) -> set[int]:
    """The lines of all functions' bodies."""
    functions = [node for node in source.nodes if isinstance(node, FUNCTIONS)]
    return {line for node in functions for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)}


def _units(body: Sequence[ast.stmt], heads: tuple[range, ...] = ()) -> Iterator[tuple[range, ...]]:
    """The lines of each statement, behind those of the heads that it needs: a long class is taken apart."""
    for node in body:
        lines = _lines(node)
        if isinstance(node, ast.ClassDef) and len(lines) > LONG:
            yield from _units(node.body, (*heads, range(lines.start, _lines(node.body[0]).start)))
        else:
            yield (*heads, lines)


def _lines(node: ast.stmt) -> range:
    """The lines of a statement, its decorators included."""
    decorators = [one.lineno for one in getattr(node, "decorator_list", [])]
    return range(min([node.lineno, *decorators]), (node.end_lineno or node.lineno) + 1)


def until(deadline: float) -> Callable[[], None]:
    """What is asked now and then whether to go on: a function that raises a TimeoutError from `deadline` on."""

    def go_on() -> None:
        if time.monotonic() > deadline:
            raise TimeoutError

    return go_on


def suspects(source: Source, spectrum: Spectrum | None, likely: Sequence[int]) -> list[int]:
    """The lines of a text, the most suspicious first.

    Args:
        spectrum: decides, where there is one: lines that no failing test runs come last.
        likely: lines in the order in which the model suspects them; decides among equals. Of those that it does not
            suspect, the ones inside of functions come first: every import runs the others.
    """
    weights = spectrum.lines if spectrum is not None else {}
    order: dict[int, int] = {}
    for place, line in enumerate(likely):
        order.setdefault(line, place)
    every, inside = range(1, len(source.lines) + 1), _inside(source)
    return sorted(
        every, key=lambda line: (-weights.get(line, 0.0), order.get(line, len(order)), line not in inside, line)
    )


def best(text: str, edits: Sequence[Edit], found: np.ndarray, count: int) -> list[Edit]:
    """The `count` most promising edits, of different lines."""
    chosen: dict[int, Edit] = {}
    for place in np.argsort(-found, kind="stable").tolist():
        chosen.setdefault(line_of(text, edits[place].start), edits[place])
        if len(chosen) == count:
            break
    return list(chosen.values())
