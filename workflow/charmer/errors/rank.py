"""How much better a model likes a text after each of many edits: one reading of the text serves them all.

Notable here:
- A text is read in windows. The keys and values of a window are kept, and each edit adds only its own tokens and a few
  behind them, packed side by side: they see the text before their place and nothing of one another.
- Only the neighbourhood of an edit is encoded anew. The vocabulary's pattern cuts a text into pieces that no merge
  crosses, and what stands before a piece does not change where it ends, so tokens agree with those of the whole text.
- An edit's first new token costs nothing to judge: the window's reading has its probability. `most` uses that to leave
  away all but the most promising edits before anything is computed for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import regex
import torch
from torch import Tensor

from charmer.errors.edits import Edit
from charmer.model.network import Transformer, attention_bias, rotary_angles
from charmer.model.threads import side_by_side
from charmer.tokens.storage import PRE_TOKENIZERS
from charmer.tokens.tokenizer import Tokenizer

TAIL = 16  # tokens behind an edit that judge it, at least, where the text has them
PACK = 512  # new tokens that are computed at once


@dataclass(frozen=True)
class Judged:
    """What a model thinks of one edit; all in nats.

    Attributes:
        change: log-likelihood of the edited text less that of the written one, up to `TAIL` tokens behind the edit.
        first: the part of the first token that differs.
        surprise: what that token cost as it was written.
        best: log-probability of the likeliest token there.
        doubt: the entropy of what may stand there.
    """

    change: float
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
    return [-math.inf if judged is None else judged.change for judged in found]


@dataclass(frozen=True)
class _Change:
    """An edit in tokens: `new` takes the place of those from `first` to `stop`, and the first of them differs."""

    number: int
    first: int
    stop: int
    new: tuple[int, ...]


@dataclass
class _Window:
    """The tokens from `start` to `stop` of a text, and what a model made of them.

    Attributes:
        hidden: [stop - start + 1, C] (less one where that fills the context); entry i predicts token start + i.
        keys, values: one [1, stop - start, G, D] a layer.
    """

    start: int
    stop: int
    hidden: Tensor = field(default_factory=lambda: torch.empty(0))
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def update(self, layer: int, keys: Tensor, values: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """As `network.Cache`: keep what the window's own reading makes."""
        self.keys.append(keys)
        self.values.append(values)
        return keys, values


@dataclass(frozen=True)
class _Beside:
    """As `network.Cache`, for rows packed side by side: the first `length` places of a window stand before them."""

    window: _Window
    length: int

    def update(self, layer: int, keys: Tensor, values: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        before, known = self.window.keys[layer], self.window.values[layer]
        return torch.cat((before[:, : self.length], keys), 1), torch.cat((known[:, : self.length], values), 1)


class Reading:
    """A text before a model, to judge edits of it.

    Args:
        go_on: called often, from several threads, and at the latest before the next pass through the network; what it
            raises ends the work.

    Attributes:
        tokens: int64[n].
        starts: int64[n + 1], the character with which each token begins, and the text's length behind them. A token
            that begins inside a character has the next one's.
    """

    def __init__(self, model: Transformer, tokenizer: Tokenizer, text: str, go_on: Callable[[], None] = always) -> None:
        self.model, self.tokenizer, self.text, self._go_on = model, tokenizer, text, go_on
        self.tokens = tokenizer.encode(text).astype(np.int64)
        ends = np.cumsum(tokenizer.byte_lengths[self.tokens], dtype=np.int64)
        self.starts = _characters(text, np.concatenate(([0], ends)))
        if tokenizer.kind == "bpe":
            pattern = PRE_TOKENIZERS[str(tokenizer.pre_tokenizer)].pattern
            found = [match.start() for match in regex.finditer(pattern, text)]
            self._pieces = np.array([*found, len(text)], np.int64)
        else:
            self._pieces = np.arange(len(text) + 1, dtype=np.int64)
        self._at = np.searchsorted(self.starts, self._pieces)  # the token with which each piece begins
        self._encoded: dict[str, list[int]] = {}
        context = model.config.context_length
        self.stride = context // 2  # first tokens of edits that share a window
        self._before = context * 3 // 8  # tokens before the first of them

    def judge(
        self,
        edits: Sequence[Edit],
        tail: int = TAIL,
        most: int | None = None,
        progress: Callable[[int], None] | None = None,
        prior: Sequence[float] | None = None,
    ) -> list[Judged | None]:
        """What the model thinks of each edit; None where it is not judged.

        Args:
            edits: of this text.
            tail: tokens behind an edit that are judged with it.
            most: edits that are judged for each `stride` of tokens, those with the best first token; None: all.
            progress: called with the number of edits that were dealt with since the last call.
            prior: nats that speak for each edit already, and count beside its first token when those are chosen.
        """
        found: list[Judged | None] = [None] * len(edits)
        groups: dict[int, list[_Change]] = {}
        for number, edit in enumerate(edits):
            self._go_on()
            change = self._change(number, edit, tail)
            if change is None:
                found[number] = Judged(0.0, 0.0, 0.0)
            elif (start := self._start(change)) is not None:
                groups.setdefault(start, []).append(change)

        def work(group: tuple[int, list[_Change]]) -> int:
            with torch.inference_mode():
                for number, judged in self._judged(*group, most, prior):
                    found[number] = judged
            return len(group[1])

        with side_by_side(torch.get_num_threads()) as pool:
            for done in pool.map(work, sorted(groups.items())):
                if progress is not None:
                    progress(done)
        return found

    def _change(self, number: int, edit: Edit, tail: int) -> _Change | None:
        """An edit in tokens; None where it changes nothing."""
        piece = max(int(np.searchsorted(self._pieces, edit.start)) - 1, 0)
        behind = min(int(np.searchsorted(self._pieces, edit.end)), len(self._pieces) - 1)
        last = int(np.searchsorted(self._at, min(self._at[behind] + tail, len(self.tokens))))
        begin, end = int(self._pieces[piece]), int(self._pieces[last])
        first, stop = int(self._at[piece]), int(self._at[last])
        text = self.text[begin : edit.start] + edit.replacement + self.text[edit.end : end]
        old = self.tokens[first:stop].tolist()
        new = self._encode(text)
        same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
        if same is None:
            if len(old) == len(new):
                return None
            same = min(len(old), len(new))  # at the text's end: one goes on where the other ends
        return _Change(number, first + same, stop, tuple(new[same:]))

    def _encode(self, text: str) -> list[int]:
        if text not in self._encoded:
            self._encoded[text] = self.tokenizer.encode(text).tolist()
        return self._encoded[text]

    def _start(self, change: _Change) -> int | None:
        """The first token of the window in which a change is judged; None where it fits in none."""
        context = self.model.config.context_length
        start = max(change.first // self.stride * self.stride - self._before, 0)
        length = max(len(change.new), change.stop - change.first)
        if change.first - start + length <= context:
            return start
        return max(change.first + length - context, 0) if length < context else None

    def _judged(
        self, start: int, changes: list[_Change], most: int | None, prior: Sequence[float] | None = None
    ) -> Iterator[tuple[int, Judged]]:
        """The numbers of the edits that one window serves, and what the model thinks of them."""
        window = self._read(start, max(change.stop for change in changes))
        places = torch.tensor([change.first - start for change in changes], device=self.model.device)
        old_costs = self._costs(window)
        wanted = torch.tensor([change.new[0] if change.new else 0 for change in changes], device=self.model.device)
        used, row = places.unique(return_inverse=True)
        first_costs = _log_probabilities(self.model, window.hidden[used], row, wanted)
        firsts = [float(new) if change.new else 0.0 for change, new in zip(changes, first_costs.tolist(), strict=True)]
        written = [float(old_costs[change.first - start]) if change.first < change.stop else 0.0 for change in changes]
        gains = [new - old for new, old in zip(firsts, written, strict=True)]
        before = [prior[change.number] if prior is not None else 0.0 for change in changes]
        order = sorted(range(len(changes)), key=lambda at: -gains[at] - before[at])
        chosen = sorted(order if most is None else order[:most], key=lambda at: changes[at].first)
        rests = self._rests(window, [changes[at] for at in chosen])
        best, doubt = _certainty(self.model, window.hidden[used])
        places_used = row.tolist()
        for at, rest in zip(chosen, rests, strict=True):
            change, place = changes[at], places_used[at]
            old = float(old_costs[change.first - start : change.stop - start].sum())
            yield change.number, Judged(firsts[at] + rest - old, gains[at], -written[at], best[place], doubt[place])

    def _read(self, start: int, stop: int) -> _Window:
        window = _Window(start, stop)
        behind = min(stop + 1, start + self.model.config.context_length)  # what comes after the last is asked for, too
        before = self.tokens[start - 1] if start else self.tokenizer.eof
        inputs = np.concatenate(([before], self.tokens[start : behind - 1]))
        count = len(inputs)
        visible = torch.ones(count, count, dtype=torch.bool, device=self.model.device).tril()[None]
        window.hidden = self._hidden(inputs, np.arange(count), visible, window)
        return window

    def _costs(self, window: _Window) -> Tensor:
        """Log-probabilities of the window's own tokens."""
        wanted = torch.from_numpy(self.tokens[window.start : window.stop]).to(self.model.device)
        rows = torch.arange(len(wanted), device=self.model.device)
        return _log_probabilities(self.model, window.hidden[: len(wanted)], rows, wanted).cpu()

    def _rests(self, window: _Window, changes: list[_Change]) -> list[float]:
        """For each change, in the order of places, the log-probability of its new tokens behind the first."""
        found: list[float] = []
        for pack in _packs(changes):
            ids = np.array([token for change in pack for token in change.new[:-1]], np.int64)
            sizes = [max(len(change.new) - 1, 0) for change in pack]
            if not len(ids):
                found += [0.0] * len(pack)
                continue
            lengths = [change.first - window.start + 1 for change in pack]  # inputs that stand before the new ones
            known = max(lengths)
            row = np.repeat(np.arange(len(pack)), sizes)
            within = np.concatenate([np.arange(size) for size in sizes])
            before = np.array(lengths)[row]
            sees = np.arange(known)[None] < before[:, None]
            beside = (row[:, None] == row[None]) & (within[:, None] >= within[None])
            visible = torch.from_numpy(np.concatenate((sees, beside), 1)).to(self.model.device)[None]
            hidden = self._hidden(ids, before + within, visible, _Beside(window, known))
            wanted = np.array([token for change in pack for token in change.new[1:]], np.int64)
            costs = _log_probabilities(
                self.model,
                hidden,
                torch.arange(len(ids), device=hidden.device),
                torch.from_numpy(wanted).to(hidden.device),
            )
            found += [float(part.sum()) for part in costs.cpu().split(sizes)]
        return found

    def _hidden(self, ids: np.ndarray, places: np.ndarray, visible: Tensor, cache: _Window | _Beside) -> Tensor:
        """The last state [T, C] of one packed row."""
        self._go_on()
        model, config = self.model, self.model.config
        positions = torch.from_numpy(places).to(model.device)[None]
        cosines, sines = rotary_angles(positions, config.head_size, config.rope_theta)
        angles = cosines[..., None, :], sines[..., None, :]
        bias = attention_bias(visible, torch.float32)
        x = model.embed_tokens(torch.from_numpy(ids).to(model.device)[None])
        for layer, block in enumerate(model.layers):
            x = block(x, angles, bias, layer, cache, positions)
        return model.norm(x)[0]


def _packs(changes: Sequence[_Change]) -> Iterator[list[_Change]]:
    """Neighbours in packs of at most `PACK` tokens, at least one in each."""
    pack: list[_Change] = []
    size = 0
    for change in changes:
        if pack and size + len(change.new) > PACK:
            yield pack
            pack, size = [], 0
        pack.append(change)
        size += len(change.new)
    if pack:
        yield pack


def _log_probabilities(model: Transformer, hidden: Tensor, rows: Tensor, wanted: Tensor, chunk: int = 512) -> Tensor:
    """For states [T, C] the log-probability of the token `wanted[i]` behind state `rows[i]`, the rows in any order."""
    found = torch.empty(len(rows), device=hidden.device)
    for start in range(0, len(hidden), chunk):
        logits = model.logits(hidden[start : start + chunk]).float()
        scale = logits.logsumexp(-1)
        inside = ((rows >= start) & (rows < start + chunk)).nonzero()[:, 0]
        local = rows[inside] - start
        found[inside] = logits[local, wanted[inside]] - scale[local]
    return found


def _certainty(model: Transformer, hidden: Tensor, chunk: int = 512) -> tuple[list[float], list[float]]:
    """For states [T, C] the log-probability of the likeliest token, and the entropy, of what follows each."""
    best: list[float] = []
    doubt: list[float] = []
    for part in hidden.split(chunk):
        logs = model.logits(part).float().log_softmax(-1)
        best += logs.amax(-1).tolist()
        doubt += (-(logs.exp() * logs).sum(-1)).tolist()
    return best, doubt


def _characters(text: str, offsets: np.ndarray) -> np.ndarray:
    """Offsets into the text's UTF-8 as numbers of characters."""
    if text.isascii():
        return offsets
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    sizes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    return np.searchsorted(np.concatenate(([0], np.cumsum(sizes))), offsets)
