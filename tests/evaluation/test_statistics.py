"""Intervals: textbook values, edges, and whether they cover what they should."""

import numpy as np
import pytest
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson


def test_wilson_gives_the_textbook_values():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_wilson_never_leaves_the_share_outside():
    for cases in (1, 3, 40):
        for successes in range(cases + 1):
            low, high = wilson(successes, cases)
            assert 0 <= low <= successes / cases <= high <= 1


def test_no_cases_no_interval():
    assert wilson(0, 0) is None
    assert bootstrap_ratio(np.array([3.0]), np.array([2.0])) is None
    assert bootstrap_ratio(np.array([0.0, 0.0]), np.array([0.0, 0.0])) is None


def test_the_bootstrap_of_equal_ratios_is_that_ratio():
    low, high = bootstrap_ratio(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2.0, 2.0))


def test_the_bootstrap_covers_the_true_ratio_about_as_often_as_it_says():
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        size = generator.uniform(100, 1000, 60)
        bits = size * generator.normal(1.5, 0.3, 60)
        low, high = bootstrap_ratio(bits, size, resamples=300)
        covered += low <= 1.5 <= high
    assert 180 <= covered <= 199


def test_the_same_documents_give_the_same_interval():
    bits, size = np.arange(1.0, 30.0), np.arange(2.0, 31.0)
    assert bootstrap_ratio(bits, size) == bootstrap_ratio(bits, size)
