"""An average of the weights over the steps, which is scored and saved in their place.

Notable here: the average reaches back over a share of the steps taken so far, so it means the same for any budget, one
in minutes included, and forgets the first weights by itself. Under a schedule that ends at zero it gains little; under
one that does not, it stands in for the end of the schedule.
"""

from __future__ import annotations

import copy

import torch

from charmer.model.network import Transformer


class Average:
    """The average of a network's weights with a power profile (Karras et al. 2024, arXiv:2312.02696).

    The weights after step t count in proportion to t ** (1 / share - 1), so about the last `share` of the steps do.

    Attributes:
        model: the network that holds the average; with a share of 0 the trained one itself.
    """

    def __init__(self, model: Transformer, share: float) -> None:
        self.share, self.trained = share, model
        self.model = copy.deepcopy(model) if share else model

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step`, counted from 1."""
        if self.share:
            amount = 1.0 / (1.0 + self.share * (step - 1))
            for averaged, weight in zip(self.model.parameters(), self.trained.parameters(), strict=True):
                averaged.lerp_(weight, amount)
