"""Budgets as they are written, and the rate over them."""

from __future__ import annotations

import pytest
from charmer.common.failure import Failure
from charmer.training.budget import Budget, batch_rows, pieces, rate
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("8 minutes", 480, "second"),
        ("0.5 minutes", 30, "second"),
        ("1 step", 1, "step"),
        ("2k steps", 2000, "step"),
        ("1.5M tokens", 1_500_000, "token"),
    ],
)
def test_what_is_written_is_understood(text, amount, unit):
    assert Budget.parse(text) == Budget(amount, unit)


@pytest.mark.parametrize("text", ["", "8", "minutes", "0 steps", "-1 steps", "8 hours", "1e6 tokens", "8minutes"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(Failure, match=r"train\.budget"):
        Budget.parse(text)


def test_progress_is_the_share_spent():
    assert Budget(200, "step").progress(steps=50, tokens=1, seconds=2) == 0.25
    assert Budget(200, "token").progress(steps=1, tokens=50, seconds=2) == 0.25
    assert Budget(200, "second").progress(steps=1, tokens=2, seconds=50) == 0.25


def test_wsd_rises_stays_and_falls():
    rates = [rate(progress, "wsd", warmup=0.1, decay=0.4) for progress in (0, 0.05, 0.1, 0.5, 0.6, 0.8, 1)]
    assert rates == pytest.approx([0, 0.5, 1, 1, 1, 0.5, 0])


def test_cosine_rises_and_falls():
    rates = [rate(progress, "cosine", warmup=0.2, decay=0) for progress in (0, 0.1, 0.2, 0.6, 1)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


@given(st.floats(-1, 2), st.sampled_from(["wsd", "cosine"]), st.floats(0, 1, allow_subnormal=False), st.floats(0, 1))
def test_no_knob_makes_the_rate_leave_its_bounds(progress, schedule, warmup, decay):
    assert 0 <= rate(progress, schedule, warmup, decay) <= 1


@pytest.mark.parametrize(
    ("progress", "context", "share", "expected"),
    [
        (0.0, 512, 0.6, 4),
        (0.29, 512, 0.6, 4),
        (0.31, 512, 0.6, 2),
        (0.6, 512, 0.6, 1),
        (0.0, 512, 0.0, 1),
        (0.0, 384, 1.0, 2),  # 192 tokens; 96 would be too short
        (0.99, 1024, 1.0, 2),
        (0.0, 128, 0.6, 1),
    ],
)
def test_windows_are_read_in_pieces_that_double(progress: float, context: int, share: float, expected: int) -> None:
    assert pieces(progress, context, share) == expected


@pytest.mark.parametrize(
    ("progress", "rows", "first", "share", "expected"),
    [
        (0.0, 8, 2, 0.4, 2),
        (0.19, 8, 2, 0.4, 2),
        (0.21, 8, 2, 0.4, 4),
        (0.4, 8, 2, 0.4, 8),
        (0.0, 8, 2, 0.0, 8),
        (0.0, 8, 8, 0.4, 8),
        (0.21, 6, 2, 0.4, 4),
        (0.3, 5, 1, 0.3, 5),
        (0.29, 5, 1, 0.3, 4),
    ],
)
def test_batches_grow_by_doubling(progress, rows, first, share, expected):
    assert batch_rows(progress, rows, first, share) == expected
