"""The Kneser-Ney model: probabilities that sum to one, and those of a small text worked out by hand."""

import numpy as np
import pytest
from charmer.evaluation.support.ngrams import KneserNey, _discounts
from hypothesis import given, settings
from hypothesis import strategies as st

EOF = 4
DOCUMENTS = st.lists(st.lists(st.integers(0, 3), max_size=12).map(np.array), min_size=1, max_size=5)


def model(documents: list[list[int]], order: int) -> KneserNey:
    return KneserNey([np.array(document, np.int64) for document in documents], 5, 5, EOF, order)


def following(model: KneserNey, context: list[int]) -> np.ndarray:
    """The probability of each id behind the beginning `context` of a document."""
    before = [EOF] * (model.order - 1) + list(context)
    return np.array([model._probabilities(np.array([*before, token]))[-1] for token in range(model.vocab_size)])


@given(DOCUMENTS, st.lists(st.integers(0, 3), max_size=6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_what_may_follow_sums_to_one_whatever_came_before(documents, context, order):
    chances = following(KneserNey(documents, 5, 5, EOF, order), context)
    assert chances.sum() == pytest.approx(1.0)
    assert (chances > 0).all()


def test_a_bigram_model_worked_out_by_hand():
    """Of the text 0 1 0 1 0 2: bigrams 01 twice, 10 twice, 02, 2-, and -0 at the beginning."""
    found = model([[0, 1, 0, 1, 0, 2]], order=2)
    # What 0 follows: the beginning and 1, which makes two kinds of bigram; 1, 2 and the end follow one token each.
    # Too small a text to estimate discounts: 0.5 off a count of one, 1 off two.
    short = {
        token: (kinds - taken) / 5 for token, kinds, taken in ((0, 2, 1.0), (1, 1, 0.5), (2, 1, 0.5), (EOF, 1, 0.5))
    }
    left = (1.0 + 3 * 0.5) / 5
    unigram = {token: short.get(token, 0.0) + left / 5 for token in range(5)}
    assert following(found, [3]) == pytest.approx([unigram[token] for token in range(5)])  # 3 was never seen before
    behind_zero = (1.0 + 0.5) / 3  # three bigrams begin with 0: 01 twice, 02 once
    expected = [behind_zero * unigram[token] for token in range(5)]
    expected[1] += (2 - 1.0) / 3
    expected[2] += (1 - 0.5) / 3
    assert following(found, [0]) == pytest.approx(expected)


def test_the_longest_known_context_decides():
    found = model([[0, 1, 2], [3, 1, 0]], order=3)
    assert following(found, [0, 1]).argmax() == 2
    assert following(found, [3, 1]).argmax() == 0
    assert following(found, []).argmax() in (0, 3)  # the beginning of a document is a context like any other


def test_bits_are_those_of_each_token_and_leave_the_end_out():
    found = model([[0, 1, 0, 1, 0, 2]], order=3)
    first, empty, second = found.bits([np.array([0, 1]), np.array([], np.int64), np.array([2])])
    assert (len(first), len(empty), len(second)) == (2, 0, 1)
    assert first[1] == pytest.approx(-np.log2(following(found, [0])[1]))
    assert second[0] == pytest.approx(-np.log2(following(found, [])[2]))


def test_discounts_of_known_counts():
    counts = np.repeat([1, 2, 3, 4], [8, 4, 2, 1])
    assert _discounts(counts) == pytest.approx((0.5, 1.25, 2.0))


def test_more_text_of_a_kind_needs_fewer_bits():
    rng = np.random.default_rng(0)
    chain = np.array([[0.9, 0.05, 0.03, 0.02], [0.1, 0.1, 0.7, 0.1], [0.3, 0.3, 0.1, 0.3], [0.0, 0.5, 0.0, 0.5]])

    def walk(length: int) -> np.ndarray:
        steps = [0]
        for draw in rng.random(length):
            steps.append(int(np.searchsorted(chain[steps[-1]].cumsum(), draw * 0.9999)))
        return np.array(steps)

    held_out = walk(2000)
    few, many = (KneserNey([walk(length)], 5, 5, EOF).bits([held_out])[0].mean() for length in (50, 5000))
    visited = np.bincount(held_out[:-1], minlength=4) / (len(held_out) - 1)
    entropy = -(visited * (chain * np.log2(np.where(chain > 0, chain, 1))).sum(1)).sum()
    assert entropy * 0.95 < many < entropy * 1.1 < few
