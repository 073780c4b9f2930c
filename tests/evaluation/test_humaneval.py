"""HumanEval: a gap until its file is named, then function synthesis under a name of its own."""

import gzip
import json
from pathlib import Path

import pytest
from charmer.commands import evaluate
from charmer.common.failure import Failure
from charmer.evaluation import humaneval
from charmer.evaluation.support.table import gap_of
from charmer.sandbox import run

DOUBLE = {
    "task_id": "HumanEval/0",
    "prompt": 'def double(value):\n    """Twice the value."""\n',
    "entry_point": "double",
    "canonical_solution": "    return value * 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
}
SETTINGS = {"samples": 1, "max_bytes": 8, "temperature": 1.0, "seed": 1, "timeout": 2.0}


def test_without_a_file_it_is_a_gap_that_says_how_to_name_one(world: dict[str, Path]):
    table = humaneval.evaluate(world["model"], {}, SETTINGS | {"problems": ""}, threads=1)
    assert table.num_rows == 0
    assert "--config 'evaluate={humaneval: {problems: HumanEval.jsonl.gz}}'" in str(gap_of(table))
    assert evaluate.knobs_of("humaneval", {})["problems"] == ""


def test_a_packed_file_is_measured_like_synthesis(world: dict[str, Path], tmp_path: Path):
    if run.unavailable():
        pytest.skip(f"no isolation here: {run.unavailable()}")
    path = tmp_path / "HumanEval.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(DOUBLE).encode()))
    (row,) = humaneval.evaluate(world["model"], {}, SETTINGS | {"problems": str(path)}, threads=1).to_pylist()
    assert (row["metric"], row["slice"], row["value"], row["cases"]) == ("humaneval", "pass@1", 0.0, 1)


def test_a_file_that_is_not_there_is_named(world: dict[str, Path], tmp_path: Path):
    with pytest.raises(Failure, match=r"none\.jsonl: there is no such file of problems; check the knob `problems`"):
        humaneval.evaluate(world["model"], {}, SETTINGS | {"problems": str(tmp_path / "none.jsonl")}, threads=1)
