"""Suggestions: where they end, that they repeat nothing behind the cursor, and that they look like the file's lines.

The model is stood in for by a script where the text itself is the point; `written` says what it writes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from charmer.common.failure import Failure
from charmer.inference import context
from charmer.inference.decoder import Decoder, Step
from charmer.inference.sampling import Sampling
from charmer.inference.suggest import Draft, suggest
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe
from hypothesis import given, settings
from hypothesis import strategies as st

BYTES = Tokenizer.bytewise()
CODE = "def area(width, height):\n    return width * height\n\n\nclass Box:\n    width = 3\n" * 4
BPE = learn_bpe([CODE], 340, "gpt-2")


def written(text: str, before: str, after: str = "", **knobs) -> str:
    """What is left of `text` as a suggestion, each byte a token; what was shown on the way adds up to it."""
    draft = Draft(BYTES, 512, before, after, **knobs)
    shown = ""
    for byte in text.encode():
        ended = draft.take(Step(byte, 0.0, ()))
        assert draft.settled().startswith(shown)
        shown = draft.settled()
        if ended:
            break
    assert draft.text().startswith(shown)
    return draft.text()


FUNCTION = "x:\n        return 1\n    return 2\n\n\ndef g():\n    pass\n"


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("line", "x:"),
        ("block", "x:\n        return 1"),
        ("function", "x:\n        return 1\n    return 2"),
        ("file", FUNCTION),
    ],
)
def test_a_suggestion_ends_with_its_line_block_function_or_file(until, expected):
    assert written(FUNCTION, "def f(x):\n    if ", until=until) == expected


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("def f():\n    ", "x = 1\n    y = 2\nz = 3\n", "x = 1\n    y = 2"),
        ("for x in ", "y:\n    a\n    b\nc\n", "y:\n    a\n    b"),
        ("if a", ":\n    b\nelif c:\n    d\nelse:\n    e\nf\n", ":\n    b\nelif c:\n    d\nelse:\n    e"),
        ("import a\nimport ", "b\nimport c\n\nx = 1\n", "b\nimport c"),
        ("def f():\n    x = ", "[\n1,\n]\n    y = '''\nz\n'''\nz\n", "[\n1,\n]\n    y = '''\nz\n'''"),
        ("def f():\n    ", "a\n\n    b\n\n\n# about g\ndef g():\n", "a\n\n    b"),
        ("x = {  # note:", "\n    1: 2,\n}\n\ny = 1\n", "\n    1: 2,\n}"),
    ],
)
def test_a_block_is_what_stands_at_its_indentation_or_deeper(before, text, expected):
    assert written(text, before) == expected


def test_a_function_that_is_written_next_ends_with_its_body():
    text = "import os\n\ndef f():\n    def g():\n        a\n    b\n\nx = 1\n"
    assert written(text, "", until="function") == "import os\n\ndef f():\n    def g():\n        a\n    b"
    assert written("a\n    b\n  c", "class A:\n  def f():\n    ", until="function") == "a\n    b"


REPEATS = [
    ("x = foo(", ")\n", "a, b)\ny = 1\n", "a, b"),
    ("x = foo(", ")\n", "g()\n", "g()"),
    ("x = foo(", ", 3)\n", "a, 3)\n", "a"),
    ("x = foo(bar(", "))\n", "a))\n", "a"),
    ("x = [", "\n]\n", "\n    1,\n    2,\n]\n", "\n    1,\n    2,"),
    ('print("hel', '")\n', 'lo")\n', "lo"),
    ("if x", ":\n    pass\n", " > 3:\n    pass\n", " > 3"),
    ("self.na", "me = 3\n", "me = 3\n", ""),
    ("return ", " + b\n", "a + b\n", "a"),
    ("def f():\n    ", "\n    return x\n", "x = 1\n    return x\n", "x = 1"),
    ("def f():\n    ", "\n    return x\n", "return x\n", ""),
    ("def f():\n    a = 1", "\n\n    return a\n", "\n    a += 1\n\n    return a\n", "\n    a += 1"),
    ("x = d[", "]['b']\n", "'a']['b']\n", "'a'"),
    ("x = ", "\ny = 2\n", "1\ny = 2\n", "1"),
    ("def f(s", ":\n", "elf) -> str:\n", "elf) -> str"),
    ("r = request", "url)\n", "s.get(url)\n", "s.get("),
    ("class A(B):\n    x = f(", ")\n", "g(y)\n", "g(y)"),
    ("class Loader(Ba", "er):\n", "seLoader):\n", "seLoad"),
    ("def f() ", "M]:\n", "-> Type[LLM]:\n", "-> Type[LL"),
    ("x = ", ":\n", "y[1:\n", "y[1:"),
]


@pytest.mark.parametrize(("before", "after", "text", "expected"), REPEATS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_nothing_behind_the_cursor_is_repeated(before, after, text, expected, newline):
    before, after, expected = (part.replace("\n", newline) for part in (before, after, expected))
    assert written(text, before, after) == expected


def test_tabs_stay_tabs_and_newlines_the_files():
    tabs = "class A:\r\n\tdef f(self):\r\n\t\tpass\r\n\tdef g(self):"
    assert written("\n        if x:\n            y\n", tabs) == "\r\n\t\tif x:\r\n\t\t\ty"
    spaces = "class A:\n  def f(self):\n    pass\n\n  def g(self):"
    assert written("\n\tif x:\n\t\ty\n", spaces, until="file") == "\n  if x:\n    y\n"
    assert written("\ty\n", "x = 1") == "\ty"


def test_texts_to_stop_at_are_not_shown():
    assert written("a = 1  # END of it\n", "", stop=["END", ""]) == "a = 1  #"


def test_a_character_that_is_not_whole_waits():
    draft = Draft(BYTES, 64, "x = '")
    for byte in "ß".encode()[:1]:
        draft.take(Step(byte, 0.0, ()))
    assert draft.settled() == ""


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(BPE.vocab_size, 1, 16, 2, 1, 16, context_length=96))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return Decoder(model.eval(), BPE, dtype=torch.float32)


def at(decoder: Decoder, *texts: str, **knobs) -> Draft:
    """The draft of a suggestion between texts."""
    return Draft(decoder.tokenizer, decoder.window, *texts, **knobs)


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_any_text_gets_a_suggestion_and_what_is_shown_adds_up(decoder, before, after, seed):
    parts: list[str] = []
    sampling = Sampling(temperature=1.0, seed=seed)
    found = suggest(decoder, at(decoder, before, after, max_tokens=12, sampling=sampling), show=parts.append)
    assert "".join(parts) == found.text and found.tokens <= 12
    assert (found.reason == "empty") <= (found.text == "")


def test_what_is_written_only_valid_could_go_on(decoder):
    from charmer.inference.valid import alive

    for seed in range(6):
        before = "def area(width, height):\n    return wid"
        knobs = {"max_tokens": 10, "sampling": Sampling(temperature=1.0, seed=seed), "until": "file"}
        assert alive(before + suggest(decoder, at(decoder, before, only_valid=True, **knobs)).text)
    with pytest.raises(Failure, match="only-valid"):
        at(decoder, "x = = ", only_valid=True)


def test_a_deadline_and_a_cancellation_end_it_with_what_is_there(decoder):
    assert suggest(decoder, at(decoder, "x = "), deadline=0.0).reason == "deadline"
    answers = iter([False, False, True])
    found = suggest(decoder, at(decoder, "x = ", until="file"), cancelled=lambda: next(answers))
    assert (found.reason, found.tokens) == ("cancelled", 2)


def test_half_of_a_surrogate_pair_is_refused(decoder):
    with pytest.raises(Failure, match="D800"):
        at(decoder, "x = '\ud800")


def test_the_prompt_fits_and_its_beginning_stays_while_a_person_types():
    text = CODE * 3
    beginnings = set()
    for cut in range(len(text) - 60, len(text)):
        tokens, begin = context.around(BPE, text[:cut], "\nprint(Box)\n" * 30, room=64)
        assert len(tokens) <= 64 and (BPE.decode_bytes(tokens) + begin).endswith(text[cut - 10 : cut].encode())
        beginnings.add(tuple(tokens[:40]))
    assert len(beginnings) <= 4


def test_whether_a_model_learned_to_fill_in_is_in_its_settings(tmp_path: Path):
    assert context.learned(tmp_path), "nothing is known"
    for share in (0.5, 0):
        (tmp_path / "settings.json").write_text(f'{{"train": {{"fim_share": {share}}}}}')
        assert context.learned(tmp_path) == bool(share)
    (tmp_path / "settings.json").write_text("[]")
    with pytest.raises(Failure, match="holds no settings"):
        context.learned(tmp_path)


def test_other_files_stand_first_and_are_the_same_with_and_without_a_cursor():
    extra = [CODE * 20, "y = 2\n"]
    ahead_of_need, _ = context.around(BPE, "", "", room=64, extra=extra)
    assert ahead_of_need[0] == BPE.eof and len(ahead_of_need) == 1 + 32
    for before, after in [("x = 1\n", ""), ("x = ", "\nprint(x)\n")]:
        tokens, _ = context.around(BPE, before, after, room=64, extra=extra)
        assert tokens[: len(ahead_of_need)] == ahead_of_need and len(tokens) <= 64
    marks = [BPE.eof, BPE.fim_prefix, BPE.fim_suffix]
    assert tokens[len(ahead_of_need) :][: len(marks)] == marks, "a document of its own"


def test_other_files_are_cut_before_the_text_near_the_cursor():
    own = BPE.encode("x = 1").tolist()
    tokens, _ = context.around(BPE, "x = 1", "", room=64, extra=[CODE, "y = 2"], heal=False)
    assert len(tokens) <= 64 and tokens[-len(own) :] == own and BPE.decode(tokens).endswith("y = 2\nx = 1")
    assert (
        context.around(BPE, CODE, "", room=16, extra=["y = 2"], heal=False).tokens
        == BPE.encode(CODE).tolist()[-len(context.around(BPE, CODE, "", room=16, heal=False).tokens) :]
    )


def test_the_n_gram_cache_counts_other_files_and_what_stands_behind_and_before():
    others, before, after = ["a = 1\n", "b = 2\n"], CODE * 60 + "x = Bo", "\nprint(x)\n"
    counted = context.counted_text(BPE, before, after, others, begin=b" Bo")
    text = BPE.decode(counted.tolist())
    assert text.startswith("a = 1\nb = 2\n\nprint(x)\n") and text.endswith("x ="), "the partial word is written again"
    assert len(text) == 12 + len(after) + len(before) - 3
    assert context.counted_text(BPE, before, after, others, begin=b" Bo").tolist() == counted.tolist()


def test_no_more_than_the_nearest_of_a_long_text_is_counted():
    before = "".join(f"name_{number} = {number}\n" for number in range(30_000))
    text = BPE.decode(context.counted_text(BPE, before, before).tolist())
    assert text.startswith("name_0 = 0\n")
    assert text.endswith(before[-1000:]) and 2 * context.REACH <= len(text) < 2 * context.REACH + context.STRETCH
    others = [before, "a = 1\n", "b = 2\n"]
    text = BPE.decode(context.counted_text(BPE, "", "", others).tolist())
    assert text.endswith("a = 1\nb = 2\n") and context.REACH <= len(text) < context.REACH + context.STRETCH


def test_a_line_without_end_is_bounded_as_well():
    line = "value, " * 100_000
    assert len(BPE.decode(context.counted_text(BPE, line, line, [line]).tolist())) < 3 * (
        context.REACH + context.STRETCH
    )


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["x = 1\n", "\n", "long " * 300, "é😋\n"]), max_size=60).map("".join))
def test_all_of_a_text_is_counted_wherever_it_is_cut(text: str):
    assert BPE.decode(context.counted_text(BPE, text).tolist()) == text
    assert BPE.decode(context.counted_text(BPE, "", text).tolist()) == text


def test_a_character_of_which_a_part_is_written_again_is_counted_whole():
    assert BPE.decode(context.counted_text(BPE, "x = é", begin="é".encode()[1:]).tolist()) == "x = é"


def test_half_a_surrogate_pair_in_another_file_is_a_question_mark():
    assert BPE.decode(context.counted_text(BPE, "x", "", ["a\ud800b\n"]).tolist()) == "a?b\nx"


def test_a_draft_asks_for_all_of_that_where_the_window_holds_a_part():
    draft = Draft(BPE, 64, CODE * 9 + "x = wid", "\ny = 2\n", extra=["c = 3\r\n"], beside=["d = 4\r\n"])
    text = BPE.decode(draft.request.given.tolist())
    assert text.startswith("d = 4\nc = 3\n\ny = 2\n") and text.endswith("x =")
    assert len(draft.request.prompt) < 64 < len(draft.request.given)
