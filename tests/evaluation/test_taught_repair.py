"""Repair as training teaches it: what the model is asked, and which answers are right."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from charmer.common.files import write_json, write_table
from charmer.errors.breaking import COLUMNS
from charmer.evaluation import taught_repair
from charmer.evaluation.support import writing
from charmer.evaluation.support.table import gap_of

SOUND = "def first(rows):\n    return rows[0]\n"
KNOBS = {"cases": 4, "max_bytes": 40}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    """`def first(rows)` without its colon, and `rows[1]` where `rows[0]` should stand."""
    same = {"original": SOUND, "kind": "k", "withheld": False, "source": "s", "package": "p", "path": "a.py"}
    colon = {"broken": SOUND.replace(":", ""), "family": "syntax", "fix": ":", "line": 1, "column": 16}
    colon |= {"end_line": 1, "end_column": 16, "error": "SyntaxError: expected ':'", "error_line": 1}
    index = {"broken": SOUND.replace("0", "1"), "family": "semantic", "fix": "0", "line": 2, "column": 17}
    index |= {"end_line": 2, "end_column": 18, "error": None, "error_line": None}
    unseen = index | {"withheld": True}  # by an operator that training does not teach: left out
    rows = [same | one for one in (colon, index, unseen)]
    write_table(tmp_path / "test.parquet", pa.Table.from_pylist(rows, COLUMNS))
    return {"test_broken": tmp_path / "test.parquet"}


ANSWERS = {
    "<|error|>SyntaxError: expected ':'<|place|>": "def first(rows)",
    "<|error|>SyntaxError: expected ':'<|place|>def first(rows)<|fix|>": "def first(rows):",
    "<|error|><|place|>": "    return rows[1]",
    "<|error|><|place|>    return rows[1]<|fix|>": "    return rows[2]",
}


def test_lines_and_fixes_are_right_to_the_letter(world, data, monkeypatch: pytest.MonkeyPatch):
    def generate(network, tokenizer, prompts, max_tokens, begins, until, stop):
        assert stop in [(tokenizer.fix,), (tokenizer.eof,)]
        asked = [tokenizer.decode(prompt, show_special=True) for prompt in prompts]
        return [tokenizer.encode(ANSWERS[text[text.index("<|error|>") :]]).tolist() for text in asked]

    monkeypatch.setattr(writing, "generate", generate)
    rows = {row["slice"]: row for row in taught_repair.evaluate(world["model"], data, KNOBS, threads=1).to_pylist()}
    assert {name: row["value"] for name, row in rows.items()} == {
        "fix written, given the lines, syntax": 1.0,
        "lines named, syntax": 1.0,
        "fix written, given the lines, semantic": 0.0,
        "lines named, semantic": 1.0,
    }
    assert {row["cases"] for row in rows.values()} == {1}
    (example,) = json.loads(rows["fix written, given the lines, semantic"]["detail"])["examples"]
    assert (example["wanted"], example["said"], example["right"]) == ("    return rows[0]", "    return rows[2]", False)


def test_an_answer_that_does_not_end_is_wrong(world, data, monkeypatch: pytest.MonkeyPatch):
    def generate(network, tokenizer, prompts, max_tokens, begins, until, stop):
        return [tokenizer.encode("def first(rows)".ljust(max_tokens)).tolist() for _ in prompts]

    monkeypatch.setattr(writing, "generate", generate)
    table = taught_repair.evaluate(world["model"], data, KNOBS, threads=1)
    assert table["value"].to_pylist() == [0.0] * 4


def test_what_no_answer_could_make_right_is_counted(world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The fault is in the first line, the complaint comes fifty lines below, and the window holds but a few."""
    sound, broken = (f"total = {line}\n" + "x = 1\n" * 50 for line in ("(1 + 2)", "(1 + 2"))
    fault = {"broken": broken, "fix": ")", "line": 1, "column": 15, "end_line": 1, "end_column": 15}
    said = {"error": "SyntaxError: '(' was never closed", "error_line": 51, "kind": "k", "withheld": False}
    names = {"source": "s", "package": "p", "path": "a.py", "original": sound}
    rows = [fault | said | names | {"family": family} for family in ("syntax", "semantic")]
    write_table(tmp_path / "test.parquet", pa.Table.from_pylist(rows, COLUMNS))
    monkeypatch.setattr(writing, "generate", lambda network, tokenizer, prompts, **_: [[] for _ in prompts])
    table = taught_repair.evaluate(
        world["model"], {"test_broken": tmp_path / "test.parquet"}, {"cases": 1, "max_bytes": 8}, 1
    )
    details = {row["slice"]: json.loads(row["detail"]) for row in table.to_pylist()}
    counts = {name: (one["longer"], one["outside"]) for name, one in details.items()}
    assert counts["lines named, syntax"] == (1, 1)
    assert counts["fix written, given the lines, syntax"] == (1, 0)


def test_a_model_fitted_to_code_has_what_the_one_before_was_taught(world, data, tmp_path: Path):
    shutil.copytree(world["model"], tmp_path / "model")
    write_json(tmp_path / "before" / "settings.json", {"train": {"repair_share": 0.05}})
    write_json(
        tmp_path / "model" / "settings.json", {"train": {"repair_share": 0.0, "init_from": str(tmp_path / "before")}}
    )
    assert len(taught_repair.evaluate(tmp_path / "model", data, KNOBS, threads=1)) == 4


def test_a_model_trained_without_is_a_gap_with_the_reason(world, data, tmp_path: Path):
    shutil.copytree(world["model"], tmp_path / "model")
    write_json(tmp_path / "model" / "settings.json", {"train": {"repair_share": 0.0}})
    table = taught_repair.evaluate(tmp_path / "model", data, KNOBS, threads=1)
    assert len(table) == 0 and "train.repair_share was 0" in str(gap_of(table))
