"""Fill in the middle: what is taken out, what the model reads, and when a guess is right."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer.common.files import write_json
from charmer.evaluation import fill_in_the_middle
from charmer.evaluation.support import middles, writing
from charmer.evaluation.support.table import gap_of
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe

TEXT = (
    '''"""A module."""
import os


def area(width, height):
    """Of a box."""
    size = width * height
    return size


def longer(paths):
    found = [os.path.join(path, "x") for path in paths]
    for one in found:
        print(one)
    return found
'''
    * 2
)


def taken(kind: str, text: str = TEXT) -> set[str]:
    found = list(middles.cases(kind, text, "m.py"))
    assert all(case.prefix + case.middle + case.suffix == text for case in found)
    assert found == list(middles.cases(kind, text, "m.py"))
    return {case.middle for case in found}


def test_a_line_is_taken_out_without_its_indentation():
    assert {"size = width * height", "for one in found:", "def area(width, height):"} <= taken("line")
    assert not any("\n" in middle or middle != middle.strip() for middle in taken("line"))


def test_a_body_is_taken_out_behind_its_docstring():
    assert "size = width * height\n    return size" in taken("body")
    assert not any('"""' in middle for middle in taken("body"))


def test_spans_have_a_bounded_length_and_are_not_blank():
    assert all(10 <= len(middle) < 80 and middle.strip() for middle in taken("span"))


def test_the_end_of_a_file_is_no_middle():
    assert taken("line", "x = 1\ny = x + 1\n\n") == {"x = 1"}


def test_what_does_not_parse_has_no_bodies():
    assert taken("body", "def f(:\n    x = 1\n    y = 2\n") == set()


def test_the_model_reads_the_text_nearest_to_the_middle_in_either_order():
    tokenizer = Tokenizer.bytewise()
    case = middles.Case("line", "m.py", "a" * 500 + "bcd", "middle", "efg" + "h" * 500)
    prefix, suffix, middle = tokenizer.fim_prefix, tokenizer.fim_suffix, tokenizer.fim_middle
    asked = {order: fill_in_the_middle.prompt(tokenizer, case, 12, order) for order in fill_in_the_middle.ORDERS}
    suffix_first, prefix_first = (prompt.tokens for prompt in asked.values())
    assert suffix_first[:2] == [prefix, suffix] and suffix_first.index(middle) == 2 + len("efgh")
    assert tokenizer.decode(suffix_first) == "efgh" + "aaaabcd"  # of a long text a quarter of the room goes at once
    assert [index for index in prefix_first if index in (prefix, suffix, middle)] == [prefix, suffix, middle]
    assert tokenizer.decode(prefix_first) == "aaaaabcd" + "efgh" and len(prefix_first) == 12 + 3


def test_the_cursors_partial_token_is_healed_as_it_is_for_people():
    tokenizer = learn_bpe([TEXT] * 3, 320, "gpt-2")
    case = middles.Case("span", "m.py", "import os\nos.pa", "th.join(", "a, b)\n")
    prompt, other = (fill_in_the_middle.prompt(tokenizer, case, 99, order) for order in fill_in_the_middle.ORDERS)
    assert prompt.begin == b"pa" and tokenizer.decode(prompt.tokens).endswith("import os\nos.")
    assert other.begin == b""


@pytest.mark.parametrize(
    ("guess", "right"), [("x = 1\n    y", True), ("x = 1  \n    y\n", True), ("x = 1\n  y", False), ("x = 1", False)]
)
def test_only_blanks_at_line_ends_do_not_count(guess: str, right: bool):
    assert fill_in_the_middle.same(guess, "x = 1\n    y") is right


def test_right_middles_are_counted_by_kind(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    cases = middles.held_out(world["test_shards"], 2)
    tokenizer = Tokenizer.bytewise()
    answers = {
        tuple(fill_in_the_middle.prompt(tokenizer, case, 80, order).tokens): case
        for of in cases.values()
        for case in of
        for order in fill_in_the_middle.ORDERS
    }

    def generate(network, tokenizer, prompts, max_tokens, begins, until, stop=()):
        if stop:  # left to right, where nothing is known of the suffix
            return [tokenizer.encode("?").tolist() for _ in prompts]
        known = [answers[tuple(prompt)] for prompt in prompts]
        return [tokenizer.encode(case.middle if case.kind == "line" else "?").tolist() for case in known]

    monkeypatch.setattr(writing, "generate", generate)
    knobs = {"cases": 2, "max_bytes": 128 - 80 - 3}
    table = fill_in_the_middle.evaluate(world["model"], world, knobs, threads=1).to_pylist()
    rows = {row["slice"]: row for row in table}
    assert rows["exact match, line"]["value"] == 1.0 and rows["exact match, body"]["value"] == 0.0
    assert (
        rows["exact match, line, prefix first"]["value"] == 1.0 and len(rows) == 2 * sum(map(bool, cases.values())) + 2
    )
    ended, alone = (rows[f"exact match, line, to the line's end{how}"] for how in ("", ", left to right"))
    assert (ended["value"], alone["value"]) == (1.0, 0.0) and ended["cases"] == alone["cases"] == len(cases["line"])
    assert json.loads(rows["exact match, line"]["detail"])["examples"][0]["right"] is True
    example = json.loads(rows["exact match, body"]["detail"])["examples"][0]
    assert (example["guess"], example["right"]) == ("?", False)


def test_a_middle_that_was_cut_at_the_limit_did_not_end_and_is_wrong(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    def generate(network, tokenizer, prompts, max_tokens, begins, until, stop=()):
        blanks = [" " * (max_tokens - len(case.middle.encode())) for case in cases]
        return [tokenizer.encode(case.middle + blank).tolist() for case, blank in zip(cases, blanks, strict=True)]

    cases = middles.held_out(world["test_shards"], 2)["line"]
    monkeypatch.setattr(writing, "generate", generate)
    monkeypatch.setattr(middles, "held_out", lambda shards, count: {"line": cases})
    row, *_ = fill_in_the_middle.evaluate(world["model"], world, {"cases": 2, "max_bytes": 45}, 1).to_pylist()
    assert row["value"] == 0.0
    example = json.loads(row["detail"])["examples"][0]
    assert example["guess"].endswith("…") and example["right"] is False
    assert fill_in_the_middle.same(example["guess"].removesuffix("…"), example["rest"])


def test_an_editor_shows_a_line_to_its_end_whether_or_not_the_model_would_stop_there(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    def generate(network, tokenizer, prompts, max_tokens, begins, until, stop=()):
        return [tokenizer.encode(f"{case.middle}\nand more{' ' * max_tokens}").tolist() for case in cases]

    cases = middles.held_out(world["test_shards"], 2)["line"]
    monkeypatch.setattr(writing, "generate", generate)
    monkeypatch.setattr(middles, "held_out", lambda shards, count: {"line": cases})
    knobs = {"cases": 2, "max_bytes": 60}
    rows = {
        row["slice"]: row["value"]
        for row in fill_in_the_middle.evaluate(world["model"], world, knobs, threads=1).to_pylist()
    }
    assert rows["exact match, line"] == 0.0 and rows["exact match, line, to the line's end"] == 1.0


def test_left_to_right_the_model_reads_the_prefix_alone():
    tokenizer = learn_bpe([TEXT] * 3, 320, "gpt-2")
    case = middles.Case("line", "m.py", "import os\nos.pa", "th.join(a)", "\nprint()\n")
    network = SimpleNamespace(config=SimpleNamespace(context_length=64))
    prompt = fill_in_the_middle.left_to_right(network, tokenizer, case, 9)
    assert (tokenizer.decode(prompt.tokens), prompt.begin) == ("import os\nos.", b"pa")


def test_a_model_trained_without_is_a_gap_with_the_reason(world: dict[str, Path], tmp_path: Path):
    shutil.copytree(world["model"], tmp_path / "model")
    write_json(tmp_path / "model" / "settings.json", {"train": {"fim_share": 0.0}})
    table = fill_in_the_middle.evaluate(tmp_path / "model", world, {"cases": 2, "max_bytes": 9}, threads=1)
    assert len(table) == 0 and "train.fim_share was 0" in str(gap_of(table))
