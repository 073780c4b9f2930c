"""Duplicates: what MinHash proposes and the Jaccard index decides."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from charmer.corpus.dedup import bands, jaccard, repeats, shingle
from charmer.corpus.lexing import lex, runs
from hypothesis import given
from hypothesis import strategies as st

from .shards import code


def matches(texts: list[str], order: list[int] | None = None, threshold: float = 0.8) -> tuple[list[int], list[float]]:
    data = [text.encode() for text in texts]
    sets = shingle(lex(data), 5)
    found = repeats(
        list(range(len(texts))) if order is None else order,
        [hashlib.sha256(one).digest() for one in data],
        bands(sets),
        lambda index: sets.values[sets.bounds[index] : sets.bounds[index + 1]],
        threshold,
    )
    return found.kept.tolist(), found.similarity.tolist()


def words(text: str) -> set[tuple[str, ...]]:
    """Shingles of five words, the slow way."""
    split = "".join(sign if sign.isalnum() or sign in "_\n" else " " for sign in text).split()
    return {tuple(split[at : at + 5]) for at in range(max(1, len(split) - 4))}


def changed(text: str, lines: int) -> str:
    """The text with some of its lines replaced by others."""
    kept = text.splitlines(keepends=True)
    return "".join(kept[:-lines] + [f"    other{number} = call{number}(None, {number})\n" for number in range(lines)])


def test_the_first_in_order_is_kept_and_named_with_the_similarity() -> None:
    one, two = code(1, 100), code(2, 100)
    texts = [one, changed(one, 2), two, one, changed(one, 60)]
    kept, similarity = matches(texts)
    assert kept == [-1, 0, -1, 0, -1]
    assert similarity[3] == 1.0
    assert (
        similarity[1]
        == len(words(one) & words(texts[1])) / len(words(one) | words(texts[1]))
        == pytest.approx(0.96, abs=0.02)
    )
    assert matches(texts, order=[1, 3, 4, 0, 2])[0] == [1, -1, -1, 1, -1]


def test_layout_and_signs_do_not_count() -> None:
    one = code(1, 100)
    again = one.replace(" = ", "=").replace("(", "( ").replace("    ", "\t")
    kept, similarity = matches([one, again])
    assert kept == [-1, 0] and similarity == [0.0, 1.0]


def test_nothing_below_the_threshold_is_removed_and_all_above_is() -> None:
    one = code(1, 200)
    texts = [one, *(changed(one, lines) for lines in range(2, 60, 2))]
    exact = [len(words(one) & words(text)) / len(words(one) | words(text)) for text in texts]
    for text, truth in zip(texts[1:], exact[1:], strict=True):
        kept, similarity = matches([one, text])
        assert (kept[1] == 0) == (truth >= 0.8)
        assert similarity[1] == (truth if truth >= 0.8 else 0.0)
    assert sum(truth >= 0.8 for truth in exact) in range(5, 25)


def test_kept_files_are_never_alike_and_matches_are_kept() -> None:
    one = code(1, 100)
    chain = [changed(one, lines) for lines in range(1, 60, 4)]
    kept, similarity = matches([one, *chain])
    survivors = [index for index, match in enumerate(kept) if match < 0]
    texts = [one, *chain]
    for first, second in itertools.combinations(survivors, 2):
        both = words(texts[first]), words(texts[second])
        assert len(both[0] & both[1]) / len(both[0] | both[1]) < 0.8
    assert all(match in survivors and alike >= 0.8 for match, alike in zip(kept, similarity, strict=True) if match >= 0)
    assert len(survivors) >= 2


def test_above_one_only_exact_copies_go() -> None:
    one = code(1, 100)
    assert matches([one, changed(one, 1), one], threshold=2)[0] == [-1, -1, 0]


def test_short_and_empty_files_are_compared_whole() -> None:
    assert matches(["", "a b", "a  b", "a c", " "])[0] == [-1, -1, 1, -1, -1]


@given(st.lists(st.text(alphabet="ab_1 (=\n", max_size=60), min_size=1, max_size=5), st.integers(1, 12))
def test_runs_within_files_are_hashed_alike_wherever_they_stand(texts: list[str], length: int) -> None:
    together = lex([text.encode() for text in texts])
    values, first = runs(together.hashes, together.bounds, length)
    of_file = np.searchsorted(together.bounds, first, side="right") - 1
    for number, text in enumerate(texts):
        alone = lex([text.encode()])
        assert values[of_file == number].tolist() == runs(alone.hashes, alone.bounds, length)[0].tolist()


def test_jaccard() -> None:
    assert jaccard(np.array([1, 2, 3]), np.array([2, 3, 4])) == 0.5
    assert jaccard(np.array([], dtype=int), np.array([], dtype=int)) == 0.0
