"""Examples of repair: what a window shows, what of it is learnt, and the question that the answer belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from charmer.common.files import write_table
from charmer.tokens.fim import FillInTheMiddle
from charmer.tokens.repair import Fault, Faults, Repair, around, example, question, words
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Rearranged
from hypothesis import given, settings
from hypothesis import strategies as st

BYTES = Tokenizer.bytewise()
TEXT = "def double(x)\n    return 2 * x\n\n\ny = double(3)\n"
COLON = Fault(TEXT, 13, 13, ":", "SyntaxError: expected ':'")


def shown(found: Rearranged | None, tokenizer: Tokenizer = BYTES) -> str:
    assert found is not None
    return tokenizer.decode(found.ids, show_special=True)


def learnt(found: Rearranged | None, tokenizer: Tokenizer = BYTES) -> str:
    """What of an example is trained on."""
    assert found is not None
    return tokenizer.decode(found.ids[found.counts], show_special=True)


def table(path: Path, count: int = 40) -> Path:
    text = "\n".join(f"def f{{0}}_{k}(x):\n    return x + {k}" for k in range(20)) + "\n"
    rows = [
        {
            **{"source": "s", "package": "p", "path": f"m{n}.py", "withheld": n % 10 == 9},
            **{"line": 4, "column": 14, "end_line": 4, "end_column": 15, "fix": "+", "error": None},
            "broken": text.format(n).replace("x + 1\n", "x - 1\n", 1),
        }
        for n in range(count)
    ]
    write_table(path, pa.Table.from_pylist(rows))
    return path


def test_an_example_names_the_error_the_place_and_the_fix_in_this_order():
    assert shown(example(BYTES, COLON, 200)) == (
        f"<|endoftext|>{TEXT}<|error|>SyntaxError: expected ':'<|place|>def double(x)<|fix|>def double(x):<|endoftext|>"
    )


def test_code_and_answer_are_learnt_but_neither_the_fault_nor_what_every_question_gives():
    assert learnt(example(BYTES, COLON, 200)) == (
        "<|endoftext|>def double(x)    return 2 * x\n\n\ny = double(3)\n"  # where the colon is missing, a line's end is
        "def double(x)<|fix|>def double(x):<|endoftext|>"
    )
    wrong = Fault("a = b - c\nd = 1\n", 6, 7, "+")
    assert learnt(example(BYTES, wrong, 99)) == "<|endoftext|>a = b  c\nd = 1\na = b - c<|fix|>a = b + c<|endoftext|>"


def test_sound_code_has_no_place():
    found = example(BYTES, COLON, 200, sound=True)
    assert shown(found) == f"<|endoftext|>{TEXT.replace('(x)', '(x):')}<|error|><|place|><|endoftext|>"
    assert learnt(found).endswith("y = double(3)\n<|endoftext|>")


def test_a_fault_over_several_lines_is_mended_as_one_place():
    joined = Fault("if x:\n    a = 1 b = 2\nc = 3\n", 15, 16, "\n    ")
    assert (joined.place, joined.fix) == ("    a = 1 b = 2", "    a = 1\n    b = 2")
    split = Fault("a = 1 +\n    2\nb = 3\n", 7, 12, " ")
    assert (split.place, split.fix) == ("a = 1 +\n    2", "a = 1 + 2")
    lost = Fault("class C:\n    def f(self): pass\n", 9, 9, "    @property\n")
    assert lost.fix == "    @property\n    def f(self): pass"


def test_the_question_is_what_the_example_says_before_its_answer(bpes):
    tokenizer = bpes["gpt-2"]
    ids = example(tokenizer, COLON, 200).ids.tolist()  # type: ignore[union-attr]
    asked = question(tokenizer, TEXT, 13, 13, COLON.error, 200)
    assert asked == ids[: ids.index(tokenizer.place) + 1]
    assert question(tokenizer, TEXT, 13, 13, COLON.error, 200, place=COLON.place) == ids[: ids.index(tokenizer.fix) + 1]


def test_words_lose_the_numbers_of_lines():
    assert words("SyntaxError: '(' was never closed") == "SyntaxError: '(' was never closed"
    assert words("IndentationError: expected an indented block after 'if' statement on line 5").endswith("statement")
    assert words("SyntaxError: unterminated string literal (detected at line 7)").endswith("literal")
    assert words(None) == ""


@given(
    lines=st.lists(st.text(st.sampled_from("ab é(\t"), max_size=12), min_size=1, max_size=30),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    room=st.integers(5, 120),
    before=st.floats(0, 1),
)
@settings(max_examples=200, deadline=None)
def test_a_window_holds_whole_lines_around_the_place_and_no_more_than_its_room(bpes, lines, at, room, before):
    tokenizer, text = bpes["qwen2"], "\n".join(lines) + "\n"
    start, end = sorted(round(share * (len(text) - 1)) for share in at)
    found = around(tokenizer, text, start, end, room, before)
    if found is None:
        first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end) + 1
        assert len(tokenizer.encode(text[first:last])) > room - 40
        return
    ids, low, high = found
    assert len(ids) <= room and tokenizer.decode(ids) == text[low:high]
    assert low <= start <= end <= high
    assert (low == 0 or text[low - 1] == "\n") and text[high - 1] == "\n"


def test_a_window_that_cannot_hold_the_place_gives_no_example():
    assert example(BYTES, COLON, 60) is None
    assert question(BYTES, TEXT, 13, 13, COLON.error, 20) is None


@pytest.mark.parametrize("length", [129, 257])
def test_a_share_of_windows_becomes_examples_of_their_length(tmp_path, length):
    faults = Faults.load(table(tmp_path / "train.parquet"))
    ids = np.arange(length) % 200
    changed = 0
    repair = Repair(BYTES, faults, 0.3, seed=(1, 0))
    for number in range(300):
        found = repair(ids, number)
        if isinstance(found, Rearranged):
            changed += 1
            assert found.ids.shape == found.counts.shape == (length,)
            assert not found.counts[found.ids == BYTES.fim_pad].any()
        else:
            assert found is ids
    assert 60 < changed < 120


def test_seed_and_number_decide_and_other_windows_are_infilled(tmp_path):
    faults = Faults.load(table(tmp_path / "train.parquet"))
    ids = np.frombuffer(TEXT.encode() * 5, np.uint8)[:129].astype(np.int64)
    infilling = FillInTheMiddle(BYTES, 1.0, seed=(1, 0))

    def of(seed: tuple[int, int]) -> list[list[int]]:
        repair = Repair(BYTES, faults, 0.5, seed, infilling)
        found = [repair(ids, number) for number in range(30)]
        return [(one.ids if isinstance(one, Rearranged) else one).tolist() for one in found]

    once = of((1, 0))
    assert once == of((1, 0)) != of((1, 1))
    assert all((BYTES.error in row) != (BYTES.fim_middle in row) for row in once)


def test_faults_are_those_of_the_data_set_without_the_withheld(tmp_path):
    path = table(tmp_path / "train.parquet")
    assert len(Faults.load(path)) == 36
    chosen = Faults.load(path, {("s", "p", "m3.py"), ("s", "p", "m9.py"), ("other", "p", "m4.py")})
    assert len(chosen) == 1
    fault = chosen[0]
    assert (fault.place, fault.fix) == ("    return x - 1", "    return x + 1") and "f3_0" in fault.text
