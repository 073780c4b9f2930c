"""The n-gram cache: its predictions are the hierarchical Dirichlet's, the same for scoring and for writing."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from charmer.common.failure import Failure
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache, counted
from hypothesis import given
from hypothesis import strategies as st

CACHE = NgramCache(scales=(1.5, 0.5, -0.5, 1.0, 0.0, -1.0), exponents=(1.0, 1.5, 2.0, 0.5, 1.0, 3.0))
texts = st.lists(st.integers(0, 3), max_size=40).map(lambda tokens: np.array(tokens, np.int64))


def by_hand(text: list[int], last: list[int], token: int, share: float) -> float:
    """The formula of the module's docstring, read off a text place by place."""
    for order in range(1, min(CACHE.order, len(last)) + 1):
        run = last[-order:]
        followed = Counter(text[at] for at in range(order, len(text)) if text[at - order : at] == run)
        if followed:
            strength = math.exp(CACHE.scales[order - 1]) * len(followed) ** CACHE.exponents[order - 1]
            share = (followed[token] + strength * share) / (followed.total() + strength)
    return share


@given(texts)
def test_scoring_is_the_formula_with_what_stands_before_each_token(text):
    bits = CACHE.refined(text, np.full(len(text), 2.0))
    plain = text.tolist()
    expected = [by_hand(plain[:at], plain[:at], token, 0.25) for at, token in enumerate(plain)]
    np.testing.assert_allclose(2.0**-bits, expected)


@given(texts, st.lists(st.integers(0, 3), max_size=8))
def test_writing_is_the_formula_with_the_text_that_was_given(text, last):
    kept, tokens, added = CACHE.behind(text, last)
    more = dict(zip(tokens.tolist(), added.tolist(), strict=True))
    for token in range(4):
        expected = by_hand(text.tolist(), last, token, 0.25)
        assert kept * 0.25 + more.get(token, 0.0) == pytest.approx(expected)
    assert kept + added.sum() == pytest.approx(1.0)


def test_what_follows_often_and_always_counts_more_than_what_followed_once():
    often, varied = np.array([1, 2] * 5), np.array([1, 2, 1, 3, 1, 4, 1, 2, 1, 5])
    kept_often, _, added = CACHE.behind(often, [1])
    kept_varied, tokens, shares = CACHE.behind(varied, [1])
    assert kept_often < kept_varied and added.max() > shares.max()
    assert tokens.tolist() == [2, 3, 4, 5] and shares.argmax() == 0, "2 followed twice, the others once"


def test_a_text_without_repetition_leaves_the_network_alone():
    bits = np.linspace(1, 5, 20)
    np.testing.assert_allclose(CACHE.refined(np.arange(20), bits), bits)
    assert CACHE.behind(np.arange(20), [19]).kept == 1.0
    assert CACHE.behind(np.zeros(0, np.int64), [1]).kept == 1.0
    assert CACHE.behind(np.arange(20), []).kept == 1.0


def test_counts_of_a_text_by_order():
    total, same, distinct = counted(np.array([7, 8, 7, 9, 7, 8]), order=2)
    assert total[:, 0].tolist() == [0, 0, 0, 1, 0, 2], "7 stood before 8 and 9 when the last 8 came"
    assert same[:, 0].tolist() == [0, 0, 0, 0, 0, 1]
    assert distinct[:, 0].tolist() == [0, 0, 0, 1, 0, 2]
    assert total[:, 1].tolist() == [0] * 6, "no two tokens stood side by side twice before another"


def test_a_cache_is_read_as_it_was_written_and_a_fitted_model_falls_back_on_that_of_its_start(tmp_path: Path):
    start, fitted = tmp_path / "start", tmp_path / "fitted"
    start.mkdir(), fitted.mkdir()
    ngram_cache.write(start / "ngram_cache.json", CACHE)
    (fitted / "settings.json").write_text(json.dumps({"train": {"init_from": str(start)}}))
    assert ngram_cache.read(start) == ngram_cache.read(fitted) == CACHE
    assert ngram_cache.read(tmp_path) is None, "a model without one writes by the network alone"
    (fitted / "settings.json").write_text(json.dumps({"train": {"init_from": str(fitted)}}))
    with pytest.raises(Failure, match="no model starts from itself"):
        ngram_cache.read(fitted)
    (fitted / "settings.json").write_text("[]")
    with pytest.raises(Failure, match="holds no settings of a training"):
        ngram_cache.read(fitted)


@pytest.mark.parametrize(
    "content", ['{"scales": [1]}', '{"scales": [1, 2], "exponents": [1]}', "[]", '{"scales": "x"}']
)
def test_a_damaged_cache_is_refused_by_name(tmp_path: Path, content: str):
    (tmp_path / "ngram_cache.json").write_text(content)
    with pytest.raises(Failure, match=r"ngram_cache\.json: is damaged"):
        ngram_cache.read(tmp_path)
