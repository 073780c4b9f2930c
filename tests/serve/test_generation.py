"""Prompts with marks taken apart, and text that is never shown before it is certain."""

from __future__ import annotations

import pytest
from charmer.inference.decoder import Step
from charmer.inference.suggest import Draft
from charmer.serve.generation import Middle, Place, Text, Writer, counted, dedent, marked, parsed
from charmer.tokens.tokenizer import Tokenizer
from hypothesis import given
from hypothesis import strategies as st

BYTES = Tokenizer.bytewise()


def written(text: Writer, what: str) -> list[str]:
    """What is shown after each byte of `what`, and at the end."""
    return [text.push(Step(byte, 0.0, ())) for byte in what.encode()] + [text.finish()]


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>", Place("a", "b")),
        ("<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>c", Place("ac", "b")),
        ("<|fim_suffix|>b<|fim_prefix|>a<|fim_middle|>", Place("a", "b")),
        ("<|fim_prefix|><|fim_suffix|>b<|fim_middle|>a", Place("a", "b")),
        ("x = 1\n<|fim_pad|>y<|fim_prefix|>a<|fim_suffix|><|fim_middle|>", Place("a", "", ("x = 1\n\ny",))),
        ("<|fim_prefix|>a<|fim_suffix|>b", None),
        ("<|fim_prefix|>a<|fim_suffix|>b<|error|><|fim_middle|>", None),
        ("plain", None),
    ],
)
def test_marks_in_a_prompt(prompt: str, place: Place | None):
    assert parsed(prompt) == place


@given(st.text("ab<|fim_prexusd>", max_size=60))
def test_no_prompt_takes_long_to_take_apart(text: str):
    parsed((text + "<|fim_prefix|>") * 200)


def test_the_n_gram_cache_counts_all_of_a_prompt_but_its_marks_and_the_word_that_is_written_again():
    text = "x = 1\n" * 200 + "<|endoftext|>y = wor"
    ids = counted(BYTES, text, b"wor")
    assert BYTES.decode(ids.tolist()) == "x = 1\n" * 200 + "\ny = "


def test_other_marks_are_tokens_too():
    assert marked(BYTES, "a<|endoftext|>bc", 100).tokens == [97, BYTES.eof, 98, 99]
    assert marked(BYTES, "a<|endoftext|>bcd", 3).tokens == [98, 99, 100]


def test_a_stop_word_is_held_back_until_it_is_certain():
    text = Text(BYTES, stops=["end", "ends"])
    assert written(text, "an enemy ends it") == [*"an ", "", "", "en", "em", "y", " ", *[""] * 8]
    assert (text.text, text.word, text.over) == ("an enemy ", "end", True)
    assert written(Text(BYTES, stops=["end"]), "en")[-1] == "en"


def test_half_a_character_waits():
    assert written(Text(BYTES), "ü€") == ["", "ü", "", "", "€", ""]
    text = Text(BYTES)
    text.push(Step("ü".encode()[0], 0.0, ()))
    assert text.finish() == "\ufffd"


def test_what_the_prompt_ends_with_is_not_shown_again():
    text = Text(BYTES, begin=b"va")
    assert "".join(written(text, "value")) == "lue"


def test_a_line_that_is_indented_less_is_left_away():
    text = Text(BYTES, indent=4)
    assert "".join(written(text, "a\n    b\n\n  c")) == "a\n    b" and text.over and text.dedented
    assert dedent("a\n    b\n", 4) is None and dedent("a\nb", 0) is None and dedent("a\n\n b", 4) == 1


def test_a_suggestion_ends_before_a_line_that_is_indented_less():
    draft = Draft(BYTES, 200, "def f():\n        x = 1\n        ", until="file")
    middle = Middle(BYTES, draft, stops=["return"], indent=8)
    assert "".join(written(middle, "y = 2\n    return x\n")) == "y = 2"
    assert middle.over and middle.dedented and middle.word == ""


@given(st.text("ab\n st", max_size=40), st.lists(st.text("ab\n st", min_size=1, max_size=4), max_size=3))
def test_the_text_ends_before_the_first_stop_word_and_parts_add_up(what: str, stops: list[str]):
    text = Text(BYTES, stops=stops)
    shown = written(text, what)
    # A word counts as soon as it is there, so of two that overlap it is the one that ends first.
    ends = [(what.find(stop) + len(stop), what.find(stop)) for stop in stops if stop in what]
    assert "".join(shown) == text.text
    assert text.text == (what[: min(at for end, at in ends if end == min(ends)[0])] if ends else what)
