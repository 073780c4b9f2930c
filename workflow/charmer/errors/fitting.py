"""How much each piece of evidence counts: weights fitted to broken and to sound files, for `charmer.errors.suspicious`.

A file has at most one slip, and each edit is one explanation: the probability of edit i is exp(s_i) / (1 + sum of
exp(s_j)), where 1 stands for "nothing is wrong" and s is linear in the evidence (conditional logit; McFadden 1974).
What is maximised is the likelihood of the edits that undo the slip, and of "nothing" in sound files, less a penalty on
the squares of what the weights differ by from those before, each in the unit of its evidence's own size (ridge
regression on standardised columns, Hoerl and Kennard 1970; with a prior's mean, Chelba and Acero 2006, "Adaptation of
maximum entropy capitalizer"): else a surprise of up to 15 nats got its way more cheaply than what is there or not, and
what few files show would be forgotten at each fit. So the same scores rank the edits of one file and, between files,
say how sure they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from charmer.errors.weights import FREE

PENALTY = 0.3  # nats for a weight that differs by 1 from before, of evidence whose root mean square is 1
SMALLEST = 0.3  # root mean square below which evidence counts as of this size
RARE = 3  # evidence that fewer edits show keeps its weight from before, if it has one
STEPS = 60


@dataclass(frozen=True)
class Example:
    """The edits of one file.

    Attributes:
        evidence: of each edit, by name.
        right: 1 for each that is an answer, 0 for the others; all 0 where the file is sound.
        copies: how many edits each stands for, where only a sample was kept; (): itself alone.
    """

    evidence: Sequence[Mapping[str, float]]
    right: Sequence[float]
    copies: Sequence[float] = ()


def fit(
    examples: Sequence[Example],
    before: Mapping[str, float] | None = None,
    penalty: float = PENALTY,
    steps: int = STEPS,
) -> dict[str, float]:
    """The weights, by the names of the evidence.

    Args:
        before: weights that were fitted to other files; they stay where these files show nothing. None: 0 each.
    """
    before = before or {}
    seen = Counter(name for example in examples for one in example.evidence for name in one)
    names = [FREE, *sorted(name for name, count in seen.items() if count >= RARE and name != FREE)]
    numbers = {name: number for number, name in enumerate(names)}
    indices: list[int] = []
    values: list[float] = []
    offsets: list[int] = []
    file: list[int] = []
    for at, example in enumerate(examples):
        for one in example.evidence:
            offsets.append(len(indices))
            file.append(at)
            known = [(numbers[name], value) for name, value in one.items() if name in numbers]
            indices += [0, *(number for number, _ in known)]
            values += [1.0, *(value for _, value in known)]
    ids, sizes = torch.tensor(indices), torch.tensor(values)
    starts, group = torch.tensor(offsets), torch.tensor(file)
    right = torch.tensor([share for example in examples for share in example.right])
    copies = torch.tensor(
        [math.log(count) for example in examples for count in example.copies or [1.0] * len(example.right)]
    )
    broken = torch.zeros(len(examples)).index_add(0, group, right)
    mean = torch.tensor([before.get(name, 0.0) for name in names])
    weights = mean[:, None].clone().requires_grad_()
    with torch.no_grad():
        weights[0] = before.get(FREE, -8.0)
    squares, shown = torch.zeros(2, len(names)).index_add(1, ids, torch.stack((sizes**2, torch.ones_like(sizes))))
    strength = penalty * (squares / shown).clamp(min=SMALLEST**2)
    strength[0] = 0.0  # what every edit shows
    optimizer = torch.optim.LBFGS([weights], max_iter=steps, history_size=12, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = embedding_bag(ids, weights, starts, mode="sum", per_sample_weights=sizes)[:, 0]
        whole = _logsumexp(scores + copies, group, len(examples), 1.0)
        chosen = _logsumexp(scores + right.clamp(min=1e-30).log(), group, len(examples), 0.0)
        found = (whole - torch.where(broken > 0, chosen, 0.0)).sum() + (strength * (weights[:, 0] - mean) ** 2).sum()
        found.backward()
        return found

    optimizer.step(loss)
    fitted = dict(zip(names, weights[:, 0].tolist(), strict=True))
    return {name: round(weight, 4) for name, weight in sorted((dict(before) | fitted).items())}


def _logsumexp(scores: Tensor, group: Tensor, count: int, more: float) -> Tensor:
    """[count]: log(more + sum of exp(scores)) of each group."""
    top = torch.full((count,), 0.0 if more else -80.0).scatter_reduce(0, group, scores.detach(), "amax")
    total = torch.zeros(count).index_add(0, group, (scores - top[group]).exp())
    return top + (total + more * (-top).exp()).log()
