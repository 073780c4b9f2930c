"""Sampling: draws follow the distribution that the knobs leave, each row by knobs and random numbers of its own."""

from __future__ import annotations

import pytest
import torch
from charmer.common.failure import Failure
from charmer.inference.sampling import Sampling, choose, penalise

COUNT = 4000
LOGITS = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()


def shares(**knobs: float) -> list[float]:
    """Of each token among evenly spread draws from LOGITS, by the order of its likelihood."""
    uniform = [(number + 0.5) / COUNT for number in range(COUNT)]
    chosen = choose(LOGITS.expand(COUNT, -1), [Sampling(**({"temperature": 1.0} | knobs))] * COUNT, uniform)
    return (torch.bincount(chosen, minlength=4) / COUNT)[[1, 3, 0, 2]].tolist()


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({"top_k": 2}, [0.625, 0.375, 0, 0]),
        ({"top_k": 9}, [0.5, 0.3, 0.15, 0.05]),
        ({"top_p": 0.7}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.01}, [1, 0, 0, 0]),
        ({"top_k": 2, "top_p": 0.6}, [1, 0, 0, 0]),  # 0.625 of what top_k leaves
        ({"min_p": 0.2}, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        ({"min_p": 1.0}, [1, 0, 0, 0]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
    ],
)
def test_draws_follow_the_distribution_that_the_knobs_leave(knobs, expected):
    assert shares(**knobs) == pytest.approx(expected, abs=1e-3)


def test_each_row_has_knobs_of_its_own():
    samplings = [Sampling(), Sampling(1.0), Sampling(1.0, top_k=1), Sampling(1.0, top_p=0.7), Sampling(1.0, min_p=0.5)]
    together = choose(LOGITS.expand(5, -1), samplings, [0.99] * 5)
    assert together.tolist() == [1, 3, 1, 3, 3]
    for place, sampling in enumerate(samplings):
        assert choose(LOGITS[None], [sampling], [0.99]) == together[place]


def test_what_is_ruled_out_is_never_drawn():
    logits = torch.tensor([[-torch.inf, 1.0, -torch.inf, 1.0]])
    drawn = {int(choose(logits, [Sampling(1.0)], [number / 100])) for number in range(100)}
    assert drawn == {1, 3}
    assert int(choose(logits, [Sampling(1.0)], [1 - 1e-16])) == 3


def test_tokens_that_stand_in_the_text_are_penalised():
    logits = torch.tensor([2.0, -2.0, 2.0, -2.0])
    penalise(logits, [0, 1, 0], 4.0)
    assert logits.tolist() == [0.5, -8.0, 2.0, -2.0]


@pytest.mark.parametrize(
    "knobs",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.01},
        {"min_p": -0.1},
        {"min_p": 2.0},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": float("nan")},
        {"seed": -1},
        {"seed": (1, -2)},
    ],
)
def test_values_out_of_range_are_refused_by_name(knobs):
    with pytest.raises(Failure, match=next(iter(knobs))):
        Sampling(**knobs).check()
