"""All that could mend a text, ranked: enumerated edits and the model's own lines, together under one model.

Notable here: nothing is tried here. What a text that does not parse needs comes from the parser's own complaint (see
`charmer.errors.syntax`). A text that parses gets every edit of its suspicious lines, up to `MOST`: those that failing
tests run come first, and among them those in which the model itself sees a slip (see `charmer.errors.suspicious`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charmer.errors.candidates import candidates
from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit, line_of
from charmer.errors.infill import infilled
from charmer.errors.protected import Protected
from charmer.errors.rank import Reading
from charmer.errors.search import scores
from charmer.errors.suspicion import Hints, Spectrum
from charmer.errors.suspicious import spots
from charmer.errors.syntax import repairs
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST = 6000  # edits that are ranked
JUDGED = 600  # of them that the model reads to their end, for each half context of tokens: by their first token
UNREAD = -25.0  # nats that stand for the others, which come last
TOGETHER = 20  # lines whose edits are listed at once
INFILLED = 8  # lines at which the model writes


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
        self, text: str, spectrum: Spectrum | None = None, error: str = "", most: int = MOST
    ) -> tuple[list[Edit], np.ndarray]:
        """The edits of a text that parses, and the score of each, in nats.

        Args:
            spectrum: how suspicious its lines are, where tests have told.
            error: what ended the tests.

        Raises:
            SyntaxError, ValueError, RecursionError: the text does not parse.
        """
        source = Source(text)
        protected = Protected(source)
        lines = suspects(source, spectrum, [spot.line for spot in spots(self.model, self.tokenizer, text)])
        edits: list[Edit] = []
        for first in range(0, len(lines), TOGETHER):
            edits += [edit for edit in candidates(source, lines[first : first + TOGETHER]) if protected.allows(edit)]
            if len(edits) >= most:
                break
        edits = edits[:most]
        own = infilled(self.model, self.tokenizer, source, lines[:INFILLED], self.middle)
        known = {(edit.start, edit.end, edit.replacement) for edit in edits}
        edits += [
            edit for edit in own if protected.allows(edit) and (edit.start, edit.end, edit.replacement) not in known
        ]
        judged = Reading(self.model, self.tokenizer, text).judge(edits, most=JUDGED)
        changes = [UNREAD if one is None or one.change is None else one.change for one in judged]
        return edits, scores(text, edits, changes, spectrum, Hints(error))

    def slips(self, text: str, count: int) -> list[Edit]:
        """The `count` likeliest slips of a text that parses, each of another line.

        Raises:
            SyntaxError, ValueError, RecursionError: the text does not parse.
        """
        protected = Protected(Source(text))
        chosen: dict[int, Edit] = {}
        for spot in spots(self.model, self.tokenizer, text):
            if protected.allows(spot.edit):
                chosen.setdefault(spot.line, spot.edit)
        return list(chosen.values())[:count]

    def repairs(self, text: str) -> tuple[list[Edit], np.ndarray]:
        """The edits with which a text parses that does not, and how much each changes its log-likelihood, in nats."""
        found = repairs(self.model, self.tokenizer, text)
        return [edit for edit, _ in found], np.array([score for _, score in found], np.float64)


def suspects(source: Source, spectrum: Spectrum | None, likely: Sequence[int]) -> list[int]:
    """The lines of a text, the most suspicious first.

    Args:
        spectrum: decides, where there is one: lines that no failing test runs come last.
        likely: lines in the order in which the model suspects them; decides among equals.
    """
    weights = spectrum.lines if spectrum is not None else {}
    order: dict[int, int] = {}
    for place, line in enumerate(likely):
        order.setdefault(line, place)
    every = range(1, len(source.lines) + 1)
    return sorted(every, key=lambda line: (-weights.get(line, 0.0), order.get(line, len(order)), line))


def best(text: str, edits: Sequence[Edit], found: np.ndarray, count: int) -> list[Edit]:
    """The `count` most promising edits, of different lines."""
    chosen: dict[int, Edit] = {}
    for place in np.argsort(-found, kind="stable").tolist():
        chosen.setdefault(line_of(text, edits[place].start), edits[place])
        if len(chosen) == count:
            break
    return list(chosen.values())
