"""All that could mend a text, ranked: enumerated edits and the model's own lines, together under one model.

Notable here: nothing is tried here. What a text that does not parse needs comes from the parser's own complaint (see
`charmer.errors.syntax`); a text that parses gets every edit of the suspicious lines, up to `MOST`.
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
from charmer.errors.rank import score_edits
from charmer.errors.search import scores
from charmer.errors.suspicion import Hints, Spectrum
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST = 6000  # edits that the model ranks
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
        lines = suspects(source, spectrum)
        edits: list[Edit] = []
        for part in lines:
            edits += [edit for edit in candidates(source, part) if protected.allows(edit)]
            if len(edits) >= most:
                break
        edits = edits[:most]
        near = [line for part in lines for line in part][:INFILLED]
        own = infilled(self.model, self.tokenizer, source, near, self.middle)
        known = {(edit.start, edit.end, edit.replacement) for edit in edits}
        edits += [
            edit for edit in own if protected.allows(edit) and (edit.start, edit.end, edit.replacement) not in known
        ]
        changes = score_edits(self.model, self.tokenizer, text, edits)
        return edits, scores(text, edits, changes, spectrum, Hints(error))

    def repairs(self, text: str) -> tuple[list[Edit], np.ndarray]:
        """The edits with which a text parses that does not, and how much each changes its log-likelihood, in nats."""
        from charmer.errors.syntax import repairs

        found = repairs(self.model, self.tokenizer, text)
        return [edit for edit, _ in found], np.array([score for _, score in found], np.float64)


def suspects(source: Source, spectrum: Spectrum | None) -> list[list[int]]:
    """The lines of a text in groups, the most suspicious group first; lines that no failing test runs come last."""
    every = range(1, len(source.lines) + 1)
    if spectrum is None or not spectrum.lines:
        return [list(every)]
    groups: dict[float, list[int]] = {}
    for line in every:
        groups.setdefault(spectrum.lines.get(line, 0.0), []).append(line)
    return [groups[weight] for weight in sorted(groups, reverse=True)]


def best(text: str, edits: Sequence[Edit], found: np.ndarray, count: int) -> list[Edit]:
    """The `count` most promising edits, of different lines."""
    chosen: dict[int, Edit] = {}
    for place in np.argsort(-found, kind="stable").tolist():
        chosen.setdefault(line_of(text, edits[place].start), edits[place])
        if len(chosen) == count:
            break
    return list(chosen.values())
