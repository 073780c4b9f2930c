"""How much better a model likes a text after each of many edits: one reading of the text serves them all.

Notable here:
- A text is read in windows. The keys and values of a window are kept, and each edit adds only its own tokens and a few
  behind them, packed side by side: they see the text before their place and nothing of one another. A window looks
  back at what was made of the one before it, which costs a fifth less than reading it again and says a little more of
  the text; chains of a few windows are computed side by side.
- An edit's first new token costs nothing to judge: the window's reading has its probability. `most` uses that to read
  only the most promising edits on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from charmer.errors import windows
from charmer.errors.edits import Edit
from charmer.errors.pieces import Change, Pieces
from charmer.model.network import Transformer
from charmer.model.threads import side_by_side
from charmer.tokens.tokenizer import Tokenizer

TAIL = 16  # tokens behind an edit that judge it, at least, where the text has them
CHAIN = 6  # windows, at most, that follow one another without reading again what stands before them


@dataclass(frozen=True)
class Judged:
    """What a model thinks of one edit; all in nats.

    Attributes:
        change: log-likelihood of the edited text less that of the written one, up to `TAIL` tokens behind the edit;
            None where the edit was not read on.
        first: the part of the first token that differs.
        surprise: what that token cost as it was written.
        best: log-probability of the likeliest token there.
        doubt: the entropy of what may stand there.
    """

    change: float | None
    first: float
    surprise: float
    best: float = 0.0
    doubt: float = 0.0


def always() -> None:
    """What is asked now and then whether to go on, where nobody gives up."""


def score_edits(
    model: Transformer,
    tokenizer: Tokenizer,
    text: str,
    edits: Sequence[Edit],
    tail: int = TAIL,
    go_on: Callable[[], None] = always,
) -> list[float]:
    """The change in log-likelihood, in nats, that each edit makes; -inf for one that is longer than the model can read.

    Args:
        model: its device is used.
        text: what the edits apply to.
        tail: tokens behind an edit that are judged with it.
        go_on: as in `Reading`.
    """
    found = Reading(model, tokenizer, text, go_on).judge(edits, tail)
    return [-math.inf if judged is None or judged.change is None else judged.change for judged in found]


@dataclass(frozen=True)
class _Group:
    """Changes that one window serves.

    Attributes:
        base: the place from which on the first tokens of the changes are.
        start: where the window begins that is read afresh.
        numbers: of the edits that make the changes.
    """

    base: int
    start: int
    numbers: list[int] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def add(self, number: int, change: Change) -> None:
        self.numbers.append(number)
        self.changes.append(change)


class Reading:
    """A text before a model, to judge edits of it.

    Args:
        go_on: called often, from several threads, and at the latest before the next pass through the network; what it
            raises ends the work.

    Attributes:
        stride: first tokens of edits that share a window.
    """

    def __init__(self, model: Transformer, tokenizer: Tokenizer, text: str, go_on: Callable[[], None] = always) -> None:
        self.model, self._go_on = model, go_on
        self._eof, self._pieces = tokenizer.eof, Pieces(tokenizer, text)
        context = model.config.context_length
        self.stride = context // 2
        self._before = context * 3 // 8  # tokens before the first of them

    def judge(
        self,
        edits: Sequence[Edit],
        tail: int = TAIL,
        most: int | None = None,
        progress: Callable[[int], None] | None = None,
        promise: Callable[[int, Judged], float | None] | None = None,
    ) -> list[Judged | None]:
        """What the model thinks of each edit; None for one that is longer than it can read, or that promises nothing.

        Args:
            edits: of this text.
            tail: tokens behind an edit that are judged with it.
            most: edits that are read on for each `stride` of tokens; None: all.
            progress: called with the number of edits that were dealt with since the last call.
            promise: of an edit, by its number and what is known of it before it is read on: the higher the sooner it
                is, and None where it need not be judged. Called from several threads. Without it an edit's first token
                decides.
        """
        found: list[Judged | None] = [None] * len(edits)
        groups: dict[tuple[int, int], _Group] = {}
        for number, edit in enumerate(edits):
            self._go_on()
            change = self._pieces.change(edit, tail)
            if change is None:
                found[number] = Judged(0.0, 0.0, 0.0)
            elif (place := self._place(change)) is not None:
                groups.setdefault(place, _Group(*place)).add(number, change)

        def work(chain: Sequence[_Group]) -> int:
            with torch.inference_mode():
                for window, group in self._windows(chain):
                    judged = self._judged(window, group, most, promise)
                    for number, one in zip(group.numbers, judged, strict=True):
                        found[number] = one
            return sum(len(group.changes) for group in chain)

        with side_by_side(torch.get_num_threads()) as pool:
            for done in pool.map(work, _chains([groups[place] for place in sorted(groups)], self.stride)):
                if progress is not None:
                    progress(done)
        return found

    def _windows(self, chain: Sequence[_Group]) -> Iterator[tuple[windows.Window, _Group]]:
        """The windows of groups that follow one another: each looks back at what the one before made of its tokens."""
        window = None
        for group, after in itertools.zip_longest(chain, chain[1:]):
            self._go_on()
            stop = max(change.stop for change in group.changes)
            window = windows.read(
                self.model,
                self._pieces.tokens,
                group.start if window is None else group.base,
                stop if after is None else max(stop, after.base),
                self._eof,
                window,
                self._before,
            )
            yield window, group

    def _place(self, change: Change) -> tuple[int, int] | None:
        """The group in which a change is judged, by its `base` and `start`; None where it fits in none."""
        context = self.model.config.context_length
        base = change.first // self.stride * self.stride
        start = max(base - self._before, 0)
        length = max(len(change.new), change.stop - change.first)
        if change.first - start + length <= context:
            return base, start
        start = max(change.first + length - context, 0)
        return (start, start) if length < context else None

    def _judged(
        self,
        window: windows.Window,
        group: _Group,
        most: int | None,
        promise: Callable[[int, Judged], float | None] | None,
    ) -> list[Judged | None]:
        """What the model thinks of the changes that one window serves."""
        changes, first = group.changes, self._first(window, group.changes)
        points: dict[int, float] = {}
        for at, (number, one) in enumerate(zip(group.numbers, first, strict=True)):
            point = one.first if promise is None else promise(number, one)
            if point is not None:
                points[at] = point
        found = [one if at in points else None for at, one in enumerate(first)]
        chosen = sorted(sorted(points, key=lambda at: -points[at])[:most], key=lambda at: changes[at].first)
        read = [changes[at] for at in chosen]
        written = self._costs(window, read)
        for at, change, rest in zip(chosen, read, self._rests(window, read), strict=True):
            old = sum(written[place] for place in range(change.first, change.stop))
            found[at] = replace(first[at], change=first[at].first - first[at].surprise + rest - old)
        return found

    def _first(self, window: windows.Window, changes: list[Change]) -> list[Judged]:
        """What the window's own reading says of changes: their first tokens."""
        places, rows = np.unique([change.first - window.start for change in changes], return_inverse=True)
        new = [change.new[0] if change.new else 0 for change in changes]
        old = [self._pieces.tokens[change.first] if change.first < change.stop else 0 for change in changes]
        states = window.hidden[torch.from_numpy(places).to(window.hidden.device)]
        seen = windows.outlook(self.model, states, np.concatenate((rows, rows)), np.array(new + old))
        found = []
        for number, (change, row) in enumerate(zip(changes, rows.tolist(), strict=True)):
            meant = seen.costs[number] if change.new else 0.0
            written = seen.costs[len(changes) + number] if change.first < change.stop else 0.0
            found.append(Judged(None, meant - written, -written, seen.best[row], seen.doubt[row]))
        return found

    def _costs(self, window: windows.Window, changes: list[Change]) -> dict[int, float]:
        """Log-probabilities of the written tokens that changes replace, by their place in the text."""
        places = sorted({place for change in changes for place in range(change.first, change.stop)})
        wanted = torch.tensor(places, dtype=torch.long, device=window.hidden.device) - window.start
        costs = windows.log_probabilities(self.model, window.hidden[wanted], self._pieces.tokens[places])
        return dict(zip(places, costs.tolist(), strict=True))

    def _rests(self, window: windows.Window, changes: list[Change]) -> list[float]:
        """For each change, in the order of places, the log-probability of its new tokens behind the first."""
        rows = [windows.Row(change.first - window.start, change.new) for change in changes]
        found: list[float] = []
        for pack in windows.packs(rows):
            self._go_on()
            found += windows.continued(self.model, window, pack)
        return found


def _chains(groups: Sequence[_Group], stride: int) -> list[list[_Group]]:
    """Groups in the order of the text, those together that follow one another, up to `CHAIN`: the rest begins anew.

    What follows one another is cut into an even number of parts of about one length, so that two cores end together.
    """
    runs: list[list[_Group]] = []
    for group in groups:
        last = runs[-1][-1] if runs else None
        regular = group.start < group.base and last is not None and last.base % stride == 0
        if regular and last is not None and group.base == last.base + stride:
            runs[-1].append(group)
        else:
            runs.append([group])
    chains = []
    for run in runs:
        parts = min(2 * math.ceil(len(run) / (2 * CHAIN)), len(run))
        cuts = [len(run) * part // parts for part in range(parts + 1)]
        chains += [run[low:high] for low, high in itertools.pairwise(cuts)]
    return chains
