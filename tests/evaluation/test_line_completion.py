"""Line completion: which lines are cut where, and how guesses are scored."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from charmer.common.files import write_table
from charmer.evaluation import line_completion
from charmer.evaluation.support import lines, writing
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache
from hypothesis import given
from hypothesis import strategies as st

TEXT = '''"""A module."""
import os


def area(width, height):
    # what follows is one line of code
    result = width * height  # a comment
    long_call(
        width,
    )
    return os.path.join(result)
x = 1
'''


def test_lines_of_code_are_cut_before_a_token_and_inside_a_word():
    pairs = list(lines.pairs_of(TEXT, "p", "m.py"))
    whole = {before.before.rpartition("\n")[2] + before.rest for before, _ in pairs}
    assert whole == {
        "def area(width, height):",
        "    result = width * height  # a comment",
        "    return os.path.join(result)",
    }
    for before, inside in pairs:
        for case in (before, inside):
            assert case.before + case.rest + case.after == TEXT
            assert case.rest.strip() and "\n" not in case.rest
        assert before.before == before.before.rstrip(" ")
        assert inside.before[-2:].isidentifier() and inside.rest[0].isalnum()


def test_the_cuts_are_the_same_each_time_and_spread_over_files(world: dict[str, Path]):
    cases = lines.held_out(world["test_shards"], 3)
    assert cases == lines.held_out(world["test_shards"], 3)
    assert len(cases) == 6 and [case.inside for case in cases] == [False, True] * 3
    assert len({case.path for case in cases}) == 3


@pytest.mark.parametrize(
    ("first", "second", "expected"), [("", "", 1.0), ("abc", "abc", 1.0), ("abc", "", 0.0), ("abcd", "abxd", 0.75)]
)
def test_edit_similarity_of_known_pairs(first: str, second: str, expected: float):
    assert lines.similarity(first, second) == pytest.approx(expected)


@given(st.text(max_size=12), st.text(max_size=12))
def test_edit_similarity_is_symmetric_and_a_share(first: str, second: str):
    assert lines.similarity(first, second) == pytest.approx(lines.similarity(second, first))
    assert 0 <= lines.similarity(first, second) <= 1
    assert (lines.similarity(first, second) == 1) == (first == second)


def test_guesses_are_scored_up_to_the_end_of_the_line(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    rests = {}

    def generate(network, tokenizer, prompts, max_tokens, stop, begins, until):
        assert tokenizer.encode("\n")[0] in stop and tokenizer.eof in stop
        texts = [tokenizer.decode(prompt) for prompt in prompts]
        return [tokenizer.encode(rests[text] + " \nmore").tolist() for text in texts]

    cases = lines.held_out(world["test_shards"], 2)
    rests.update({case.before: case.rest for case in cases})
    wrong = next(case for case in cases if not case.inside)
    rests[wrong.before] = "?"
    monkeypatch.setattr(writing, "generate", generate)
    knobs = {"lines": 2, "max_bytes": 20}
    rows = {row["slice"]: row for row in line_completion.evaluate(world["model"], world, knobs, 1).to_pylist()}
    assert rows["exact match"]["value"] == 0.5
    assert rows["exact match, inside a word"]["value"] == 1.0
    assert rows["edit similarity, inside a word"]["value"] == 1.0
    assert 0 <= rows["edit similarity"]["value"] < 1
    examples = json.loads(rows["exact match"]["detail"])["examples"]
    assert {"rest": wrong.rest, "guess": "? "} in [{key: case[key] for key in ("rest", "guess")} for case in examples]


def test_a_line_that_stands_elsewhere_in_its_file_is_completed_by_the_n_gram_cache(
    world: dict[str, Path], tmp_path: Path
):
    """The network knows nothing, so it is the first of two equal halves that what stands behind helps to complete."""
    shutil.copytree(world["model"], tmp_path / "model")
    ngram_cache.write(tmp_path / "model" / "ngram_cache.json", NgramCache((-3.0,) * 24, (1.0,) * 24))
    row = {"text": TEXT * 2, "source": "s", "package": "p", "path": "m.py"}
    write_table(tmp_path / "test" / "shard-00000.parquet", pa.Table.from_pylist([row]))
    table = line_completion.evaluate(
        tmp_path / "model", {"test_shards": tmp_path / "test"}, {"lines": 6, "max_bytes": 40}, threads=1
    )
    found = {row["slice"]: row["value"] for row in table.to_pylist()}
    assert found["exact match, network alone"] == found["exact match, inside a word, network alone"] == 0
    assert found["exact match"] == 0.5 and found["exact match, the file behind known"] == 1
    assert len(found) == 2 * 7
