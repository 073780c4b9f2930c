"""Fill-in-the-middle: the parts are all there, in the order of the paper, and a window keeps its length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from charmer.tokens.fim import Cut, FillInTheMiddle, rearranged
from charmer.tokens.tokenizer import Tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

WINDOW = 257


def whole(tokenizer: Tokenizer, ids: np.ndarray) -> str:
    """The text of a rearranged document, put together again."""
    shown = tokenizer.decode(ids, show_special=True)
    assert shown.startswith("<|fim_prefix|>")
    before, middle = shown.removeprefix("<|fim_prefix|>").split("<|fim_middle|>")
    prefix, suffix = before.split("<|fim_suffix|>")
    if prefix:  # PSM
        return prefix + middle + suffix
    return middle + suffix  # SPM, in which the prefix stands before the middle


def window(tokenizer: Tokenizer, *texts: str, length: int = WINDOW) -> np.ndarray:
    """Documents behind each other, each after a mark, cut to a window's length."""
    ids = np.concatenate([part for text in texts for part in ([tokenizer.eof], tokenizer.encode(text))])
    assert len(ids) >= length
    return ids[:length].astype(np.int64)


def test_both_orders_are_those_of_the_paper(bpes: dict[str, Tokenizer]) -> None:
    tokenizer = bpes["gpt-2"]
    text = "def double(x):\n    return 2 * x\n"
    psm, spm = (rearranged(tokenizer, text, 6, 20, suffix_first) for suffix_first in (False, True))
    assert tokenizer.decode(psm, show_special=True) == (
        "<|fim_prefix|>def do<|fim_suffix|>eturn 2 * x\n<|fim_middle|>uble(x):\n    r"
    )
    assert tokenizer.decode(spm, show_special=True) == (
        "<|fim_prefix|><|fim_suffix|>eturn 2 * x\n<|fim_middle|>def double(x):\n    r"
    )
    assert psm[1:3].tolist() == tokenizer.encode("def do").tolist()[:2]  # parts are encoded by themselves


def test_prefix_and_middle_are_one_text_where_one_follows_the_other(bpes: dict[str, Tokenizer]) -> None:
    tokenizer = bpes["gpt-2"]
    text = "def double(x):\n    return 2 * x\n"
    psm, spm = (rearranged(tokenizer, text, 22, 29, suffix_first).tolist() for suffix_first in (False, True))
    assert spm[spm.index(tokenizer.fim_middle) + 1 :] == tokenizer.encode(text[:29]).tolist()
    assert psm[psm.index(tokenizer.fim_middle) + 1 :] == tokenizer.encode(text[22:29]).tolist()
    assert len(psm) > len(spm), "the cut lies inside of a token"


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=200, deadline=None)
def test_nothing_of_the_text_is_lost(text: str, cuts: tuple[float, float]) -> None:
    tokenizer = Tokenizer.characters("éß")
    first, second = sorted(round(cut * len(text)) for cut in cuts)
    for suffix_first in (False, True):
        assert whole(tokenizer, rearranged(tokenizer, text, first, second, suffix_first)) == text


@pytest.mark.parametrize("kind", ["char", "byte", "gpt-2", "qwen2"])
def test_a_window_holds_complete_documents_of_the_same_text(
    tokenizers: dict[str, Tokenizer], texts: list[str], kind: str
) -> None:
    tokenizer = tokenizers[kind]
    fim = FillInTheMiddle(tokenizer, share=1.0)
    for number, text in enumerate(texts):
        before = window(tokenizer, texts[3][:40], text + "# end\n" * 100)
        after = fim(before, number)
        assert after.shape == before.shape and after.dtype == np.int64
        marks = np.flatnonzero(after == tokenizer.eof)
        assert marks[0] == 0 and len(marks) == 3  # both documents are followed by a mark, the second one's too
        first, second = (after[low + 1 : high] for low, high in pairwise(marks))
        assert whole(tokenizer, first) == texts[3][:40]
        assert (text + "# end\n" * 100).startswith(whole(tokenizer, second))
        rest = after[marks[-1] + 1 :]
        assert (rest == tokenizer.fim_pad).all() and len(rest) < 40


def test_a_window_that_begins_and_ends_inside_characters_loses_no_more_than_those() -> None:
    tokenizer = Tokenizer.bytewise()
    ids = np.frombuffer("世界".encode() * 100, np.uint8)[1:258].astype(np.int64)
    assert FillInTheMiddle(tokenizer, share=1.0)(ids, 0).tolist() == ids.tolist()  # it begins inside one: left alone
    ids = np.frombuffer("世界".encode() * 100, np.uint8)[:257].astype(np.int64)
    after = FillInTheMiddle(tokenizer, share=1.0)(ids, 0)
    text = whole(tokenizer, after[: np.flatnonzero(after == tokenizer.eof)[0]])
    assert "\ufffd" not in text and len(text) >= 80


def test_a_document_that_cannot_be_rearranged_keeps_its_end() -> None:
    tokenizer = Tokenizer.bytewise()
    inside = np.frombuffer("世界".encode() * 20, np.uint8)[1:].astype(np.int64)
    ids = np.concatenate([inside, [tokenizer.eof], inside, [tokenizer.eof]])
    assert FillInTheMiddle(tokenizer, share=1.0)(ids, 0).tolist() == ids.tolist()


def test_the_share_is_that_of_documents(bpes: dict[str, Tokenizer], texts: list[str]) -> None:
    tokenizer = bpes["gpt-2"]
    ids = window(tokenizer, texts[0])
    changed = dict.fromkeys((0.0, 0.3, 1.0), 0)
    for share in changed:
        fim = FillInTheMiddle(tokenizer, share)
        changed[share] = sum(tokenizer.fim_middle in fim(ids, number) for number in range(300))
    assert changed[0.0] == 0 and changed[1.0] == 300
    assert 60 < changed[0.3] < 120


def test_the_share_of_spm_is_a_half(bpes: dict[str, Tokenizer], texts: list[str]) -> None:
    tokenizer = bpes["gpt-2"]
    fim, ids = FillInTheMiddle(tokenizer, 1.0), window(tokenizer, texts[0])
    spm = sum(fim(ids, number)[2] == tokenizer.fim_suffix for number in range(300))
    assert 110 < spm < 190


TEXT = "def area(width):\n    if width:\n        return width * width\n    return 0"


@pytest.mark.parametrize(
    ("cut", "middle"),
    [
        (Cut(0.1, 0.2), "a(width"),
        (Cut(0.39, 1.0, lines=1), "h:"),
        (Cut(0.4, 1.0, lines=1, whole=True), "if width:"),
        (Cut(0.4, 1.0, lines=2, whole=True), "if width:\n        return width * width"),
        (Cut(0.39, 1.0, lines=9), "h:\n        return width * width\n    return 0"),
        (Cut(1.0, 1.0, lines=1), ""),
        (Cut(0.7, 1.0, lines=1, whole=True), "return width * width"),
    ],
)
def test_a_middle_lies_between_shares_of_the_text_or_ends_with_a_line(cut: Cut, middle: str) -> None:
    first, second = cut.of(TEXT)
    assert TEXT[first:second] == middle


@given(place=st.floats(0, 1), lines=st.integers(0, 3), whole=st.booleans(), text=st.text("ab \n", max_size=30))
def test_a_cut_lies_in_its_text(place: float, lines: int, whole: bool, text: str) -> None:
    first, second = Cut(place, 1.0, lines, whole).of(text)
    assert 0 <= first <= second <= len(text)
    assert not lines or second == len(text) or text[second] == "\n"


def test_a_share_of_the_middles_ends_with_a_line(bpes: dict[str, Tokenizer], texts: list[str]) -> None:
    tokenizer, random = bpes["gpt-2"], np.random.default_rng(1)
    cuts = [Cut.drawn(random, 0.7) for _ in range(1000)]
    assert 650 < sum(cut.lines > 0 for cut in cuts) < 750
    assert 300 < sum(cut.lines == 1 for cut in cuts) < 400
    fim, ids = FillInTheMiddle(tokenizer, 1.0, spm_share=0.0, line_share=1.0), window(tokenizer, texts[0])
    for number in range(50):
        shown = tokenizer.decode(fim(ids, number), show_special=True)
        suffix, middle = shown.split("<|fim_suffix|>")[1].split("<|fim_middle|>")
        assert suffix[:1] in ("\n", "") and len(middle.split("<|endoftext|>")[0]) < 400


def test_what_is_not_chosen_stays_as_it_is(bpes: dict[str, Tokenizer], texts: list[str]) -> None:
    tokenizer = bpes["gpt-2"]
    ids = window(tokenizer, texts[0][:30], texts[1])
    assert FillInTheMiddle(tokenizer, 0.0)(ids, 1).tolist() == ids.tolist()
    short = window(tokenizer, *["x = 1\n"] * 80)  # documents of a few tokens are left alone
    assert FillInTheMiddle(tokenizer, 1.0)(short, 1).tolist() == short.tolist()


def test_seed_and_number_decide(bpes: dict[str, Tokenizer], texts: list[str]) -> None:
    tokenizer = bpes["gpt-2"]
    ids = window(tokenizer, texts[0])

    def of(seed: int | tuple[int, ...], number: int) -> list[int]:
        return FillInTheMiddle(tokenizer, 1.0, seed=seed)(ids, number).tolist()

    assert of(1, 5) == of(1, 5)
    assert len({tuple(of(seed, number)) for seed in (1, 2, (1, 0)) for number in (5, 6)}) == 6
