"""Drawing the next token from logits: temperature, top-k, nucleus, min-p and the penalty for repetition.

Notable here: each row of a batch has knobs and random numbers of its own, and a row's draw depends on nothing else.
Random numbers come from the seed alone, so the same logits and seed give the same tokens beside any neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from charmer.common.failure import Failure


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: 0 takes the most likely token; 1 samples from the model's distribution.
        top_k: only the k most likely tokens stay; 0: all.
        top_p: of what top_k leaves, only the most likely tokens that together reach this share stay (nucleus sampling,
            Holtzman et al. 2020, arXiv:1904.09751); 1: all.
        min_p: only tokens stay that are at least this share as likely as the likeliest (Nguyen et al. 2024,
            arXiv:2407.01082); 0: all.
        repetition_penalty: logits of tokens that the text in the window holds already are divided by it if above zero,
            else multiplied (Keskar et al. 2019, arXiv:1909.05858); 1: none.
        seed: of the random numbers, one number of 0 or more, or several.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | tuple[int, ...] = 0

    def check(self) -> None:
        """Raise a Failure that names the first value out of its range."""
        seeds = self.seed if isinstance(self.seed, tuple) else (self.seed,)
        for name, good, range_ in (
            ("temperature", 0 <= self.temperature < float("inf"), "a number of 0 or more"),
            ("top_k", self.top_k >= 0, "0 (all tokens) or more"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", 0 <= self.min_p <= 1, "from 0 to 1"),
            ("repetition_penalty", 0 < self.repetition_penalty < float("inf"), "a number above 0"),
            ("seed", all(seed >= 0 for seed in seeds), "0 or more"),
        ):
            if not good:
                raise Failure(f"{name}: {getattr(self, name)} is out of range; it must be {range_}")


def choose(logits: Tensor, samplings: Sequence[Sampling], uniform: Sequence[float]) -> Tensor:
    """Draw one token a row.

    Args:
        logits: [B, V] in float32; at least one of a row above -inf.
        samplings: of each row; penalties for repetition are `penalise`'s.
        uniform: for each row a random number in [0, 1); equal numbers choose equal tokens.

    Returns:
        [B], token ids.
    """
    if all(sampling.temperature == 0 for sampling in samplings):
        return logits.argmax(-1)
    uncut = [s.temperature > 0 and s.top_k == 0 and s.top_p == 1 and s.min_p == 0 for s in samplings]
    if any(uncut) and not all(uncut):  # each as it would be drawn alone
        chosen = torch.empty(len(samplings), dtype=torch.int64, device=logits.device)
        for kind in (True, False):
            rows = [row for row, own in enumerate(uncut) if own is kind]
            chosen[rows] = choose(logits[rows], [samplings[row] for row in rows], [uniform[row] for row in rows])
        return chosen
    drawn = torch.tensor(uniform, dtype=torch.float64, device=logits.device)[:, None]
    if all(uncut):  # nothing has to be ranked, which takes 70 us for a row of 4,096
        temperatures = torch.tensor([s.temperature for s in samplings], device=logits.device)[:, None]
        return _draw((logits / temperatures).softmax(-1, dtype=torch.float64), drawn)
    size = logits.shape[-1]
    knobs = [(s.temperature, s.top_k or size, s.top_p, s.min_p) if s.temperature else (1, 1, 1, 0) for s in samplings]
    columns = torch.tensor(knobs, dtype=torch.float64, device=logits.device)[..., None]
    temperature, top_k, top_p, min_p = columns.unbind(1)
    widest = min(max(int(k) for _, k, _, _ in knobs), size)
    ranked, order = logits.topk(widest) if widest < size else logits.sort(dim=-1, descending=True, stable=True)
    rank = torch.arange(widest, device=logits.device)
    shares = (ranked / temperature).masked_fill_(rank >= top_k, -torch.inf).softmax(-1)
    before = shares.cumsum(-1) - shares
    shares = shares.masked_fill((before >= top_p) | (shares < min_p * shares[:, :1]), 0.0)
    return order.gather(-1, _draw(shares, drawn)[:, None])[:, 0]


def _draw(shares: Tensor, drawn: Tensor) -> Tensor:
    """The place [B] in `shares` [B, V] at which random numbers `drawn` [B, 1] fall."""
    cumulative = shares.cumsum(-1)
    chosen = torch.searchsorted(cumulative, drawn * cumulative[:, -1:], right=True)
    places = torch.arange(shares.shape[-1], device=shares.device)
    last = (places * (shares > 0)).amax(-1, keepdim=True)  # rounding may carry the number past it
    return chosen.minimum(last)[:, 0]


def penalise(logits: Tensor, tokens: Sequence[int], penalty: float) -> None:
    """Make `tokens` less likely in one row's `logits` [V], in place, as `Sampling.repetition_penalty` says."""
    seen = torch.tensor(sorted(set(tokens)), device=logits.device)
    values = logits[seen]
    logits[seen] = torch.where(values > 0, values / penalty, values * penalty)
