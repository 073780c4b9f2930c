"""The search for an edit that passes: the most promising first, and every failed attempt changes what is promising.

Notable here:
- The order is that of a posterior: how much better the model likes the edited text, how common such slips are among all
  edits of their kind, and how suspicious the place is.
- What an attempt tells steers the next. An edit without any effect speaks against its place; one by which the tests
  come further speaks for it; a name or attribute that turned out not to exist is not tried again.
- `order="random"` is the same search with the same candidates and no idea: what the order is worth.
"""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from charmer.errors.attempts import Attempt, Verifier
from charmer.errors.edits import Edit, apply, line_of
from charmer.errors.suspicion import Hints, Spectrum

# How often a slip is mended by an edit of each kind, in parts of a thousand: round figures in the order in which
# studies of small fixes list them (see `charmer.errors.candidates`).
COMMON = {
    "name": 150,
    "attribute": 110,
    "comparison": 80,
    "number": 80,
    "operator": 70,
    "off-by-one": 60,
    "argument": 50,
    "swap": 50,
    "return": 50,
    "negation": 50,
    "constant": 50,
    "boolean": 30,
    "call": 40,
    "guard": 40,
    "clause": 30,
    "bounds": 30,
    "access": 30,
    "self": 30,
    "operand": 25,
    "infill": 60,
    "insertion": 15,
    "deletion": 15,
    "movement": 15,
    "word": 10,
    "default": 10,
    "syntax": 100,
}
LOST = 0.7  # nats that a character less costs: what was written was meant, more often than not
IDLE, FURTHER = -0.7, 2.0  # nats for a place at which an edit did nothing, or by which the tests came further
NEAR = 0.25  # part of that for the other places of the line
ABSENT = -6.0  # nats, for edits that bring in a name or attribute that does not exist


@dataclass(frozen=True)
class Found:
    """How a search ended.

    Attributes:
        edit: one that passed; None where none was found.
        attempts: texts that were tried, the passing one included.
        seconds: of the search.
        exhausted: whether every candidate was tried.
    """

    edit: Edit | None
    attempts: int
    seconds: float
    exhausted: bool = False


def scores(
    text: str,
    edits: Sequence[Edit],
    changes: Sequence[float],
    spectrum: Spectrum | None = None,
    hints: Hints | None = None,
) -> np.ndarray:
    """How promising each edit is, in nats: float64[n].

    Args:
        changes: of the text's log-likelihood, as `rank.score_edits` gives them.
    """
    counts = Counter(edit.kind for edit in edits)
    found = np.asarray(changes, np.float64).copy()
    for place, edit in enumerate(edits):
        found[place] += np.log(COMMON.get(edit.kind, 10) / 1000 / counts[edit.kind])
        found[place] -= LOST * max(edit.end - edit.start - len(edit.replacement), 0)
        if spectrum is not None:
            found[place] += spectrum.of(line_of(text, edit.start), line_of(text, edit.end))
        if hints is not None:
            found[place] += hints.of(text, edit)
    return found


class Search:
    """One search, which several threads may take part in.

    Args:
        text: what the edits apply to.
        edits: the candidates.
        scores: of each, the highest is tried first.
        before: what became of the unmended text.
        steered: whether attempts change the order of what is left.
    """

    def __init__(
        self, text: str, edits: Sequence[Edit], scores: np.ndarray, before: Attempt, steered: bool = True
    ) -> None:
        self.text, self.edits, self.before, self.steered = text, edits, before, steered
        self.left = np.array(scores, np.float64)
        self.starts = np.array([edit.start for edit in edits])
        self.lines = np.array([line_of(text, edit.start) for edit in edits])
        self.attempts = 0
        self.found: Edit | None = None
        self._tried: set[str] = set()
        self._lock = threading.Lock()

    def run(
        self,
        verifier: Verifier,
        deadline: float,
        workers: int = 1,
        most: int | None = None,
        told: Callable[[int], None] | None = None,
    ) -> Found:
        """Try one candidate after the other until one passes.

        Args:
            deadline: of `time.monotonic`.
            workers: candidates that are tried at once.
            most: attempts; None: as many as there is time for.
            told: called with the number of attempts after each.
        """
        began = time.monotonic()

        def work() -> None:
            with verifier.session() as attempt:
                while time.monotonic() < deadline and (place := self._next(most)) is not None:
                    result = attempt(apply(self.text, self.edits[place]))
                    self._learn(place, result)
                    if told is not None:
                        told(self.attempts)

        if workers == 1:
            work()
        else:
            with ThreadPoolExecutor(workers) as pool:
                try:
                    for job in [pool.submit(work) for _ in range(workers)]:
                        job.result()
                except BaseException:  # an interruption: the others end with what they are at
                    self.left[:] = -np.inf
                    raise
        exhausted = not np.isfinite(self.left).any()
        return Found(self.found, self.attempts, time.monotonic() - began, exhausted and self.found is None)

    def _next(self, most: int | None) -> int | None:
        """The most promising candidate whose text was not tried; None where the search is over."""
        with self._lock:
            while self.found is None and len(self.left) and (most is None or self.attempts < most):
                place = int(self.left.argmax())
                if not np.isfinite(self.left[place]):
                    return None
                self.left[place] = -np.inf
                text = apply(self.text, self.edits[place])
                if text not in self._tried and _compiles(text):
                    self._tried.add(text)
                    self.attempts += 1
                    return place
            return None

    def _learn(self, place: int, result: Attempt) -> None:
        with self._lock:
            if result.passed:
                self.found = self.found or self.edits[place]
            elif self.steered:
                bonus = 0.0
                if result.progress > self.before.progress:
                    bonus = FURTHER
                elif (result.error, result.progress) == (self.before.error, self.before.progress):
                    bonus = IDLE
                self.left[self.starts == self.edits[place].start] += bonus
                self.left[self.lines == self.lines[place]] += bonus * NEAR
                self._avoid(self.edits[place], result.error)

    def _avoid(self, tried: Edit, error: str) -> None:
        """Put off what brings in a name or an attribute that this attempt brought in and that does not exist."""
        named = re.match(r"(?:NameError|UnboundLocalError|AttributeError)\b.*'(\w+)'", error)
        if named is None or error == self.before.error or not re.search(rf"\b{named[1]}\b", tried.replacement):
            return
        word = re.compile(rf"\b{named[1]}\b")
        for place in np.flatnonzero(np.isfinite(self.left)).tolist():
            edit = self.edits[place]
            same = edit.start == tried.start or error.startswith("NameError")
            if same and word.search(edit.replacement) and not word.search(self.text[edit.start : edit.end]):
                self.left[place] += ABSENT


def _compiles(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
