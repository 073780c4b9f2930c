"""The difference of two figures: case by case where the cases are the same, and wider where they are not."""

import numpy as np
import pytest
from charmer.evaluation.support.cases import Cases, case_id, ratio, share
from charmer.evaluation.support.statistics import difference_of_estimates, difference_of_hits, wilson
from charmer.evaluation.support.table import Row
from charmer.report.difference import difference
from charmer.report.grid_table import Measured

RANDOM = np.random.default_rng(0)
SIZES = RANDOM.integers(100, 5000, 50).astype(float)
BITS = SIZES * RANDOM.uniform(0.8, 2.4, 50)  # files differ far more than the two runs do
IDS = [case_id(str(number)) for number in range(50)]


def measured(row: Row) -> Measured:
    return Measured(row.value, *(row.interval or (None, None)), row.unit, Cases.of(row.detail))


def bits(factor: float, ids: list[str] = IDS) -> Measured:
    return measured(ratio("overall", BITS * factor, SIZES, ids, "files", "bits/byte"))


def test_the_same_files_tell_a_small_change_apart_that_two_intervals_hide():
    found = difference(bits(1.0), bits(0.97))
    assert found.paired and found.apart
    assert found.low < found.value < found.high < 0
    assert found.value == pytest.approx(-0.03 * BITS.sum() / SIZES.sum(), rel=1e-4)
    others = difference(bits(1.0), bits(0.97, [f"other {id_}" for id_ in IDS]))
    assert not others.paired and not others.apart
    assert others.high - others.low > 5 * (found.high - found.low)


def test_the_order_of_the_cases_does_not_matter():
    turned = measured(ratio("overall", BITS[::-1] * 0.97, SIZES[::-1], IDS[::-1], "files", "bits/byte"))
    found, expected = difference(bits(1.0), turned), difference(bits(1.0), bits(0.97))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high)) and found.paired


def test_cases_of_one_id_but_another_size_are_not_the_same():
    assert not difference(bits(1.0), measured(ratio("overall", BITS, SIZES + 1, IDS, "files"))).paired


def test_the_interval_of_paired_shares_covers_the_truth_about_as_often_as_it_says():
    """Shares of 50% and 60% of the same 60 lines, of which most come out alike."""
    random, covered, widths = np.random.default_rng(2), 0, []
    for _ in range(400):
        one = random.random(60) < 0.5
        other = np.where(random.random(60) < 0.7, one, random.random(60) < 0.5 + 0.1 / 0.3)
        low, high = difference_of_hits(one, other)
        covered += low <= 0.1 <= high
        widths.append(high - low)
    assert 368 <= covered <= 396
    alone = difference_of_estimates((0.5, *wilson(30, 60)), (0.6, *wilson(36, 60)))
    assert np.mean(widths) < 0.75 * (alone[1] - alone[0])


def test_two_shares_of_none_have_an_interval_that_claims_no_certainty():
    none = measured(share("x", [False] * 50, IDS, "lines"))
    found = difference(none, none)
    assert (found.value, found.low, found.high) == pytest.approx((0.0, -0.0714, 0.0714), abs=1e-3)
    assert not found.apart


def test_cases_that_all_changed_alike_do_not_claim_certainty_either():
    ones = np.ones(50)
    one, other = (measured(ratio("x", part * ones, ones, IDS, "problems")) for part in (0.2, 0.3))
    assert difference(one, other).paired is False
