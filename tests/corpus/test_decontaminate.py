"""Decontamination: shared runs are found by tokens, whatever the layout."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_json
from charmer.corpus.decontaminate import Benchmarks, benchmark_files, run_hashes, write_list
from charmer.corpus.lexing import lex
from charmer.pipeline.settings import read

CONFIG = Path(__file__).parents[2] / "config/config.yaml"

PROBLEM = {
    "task_id": "Ours/0",
    "entry_point": "largest_gap",
    "prompt": "def largest_gap(heights: list[float]) -> float:\n"
    '    """The largest difference of two neighbours in a mountain range."""\n',
    "canonical_solution": "    gaps = [abs(left - right) for left, right in zip(heights, heights[1:])]\n"
    "    return max(gaps, default=0.0)\n",
    "test": "def check(candidate):\n    assert candidate([1.0, 4.0, 2.0]) == 3.0\n",
}


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "ours.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n")
    return path


def shared(benchmarks: Benchmarks, *texts: str) -> list[list[str]]:
    return benchmarks.shared(lex([text.encode() for text in texts]))


def test_prompt_solution_and_prose_are_recognized_in_any_layout(problems: Path) -> None:
    benchmarks = Benchmarks.load([problems])
    solution = PROBLEM["canonical_solution"]
    texts = [
        "import math\n\n" + PROBLEM["prompt"] + solution,
        solution.replace("[abs", "[\n            abs").replace(" - ", "-"),
        "# notes: The largest difference of two neighbours in a mountain range, as they ask\n",
        "def largest_gap(heights: list[float]) -> float:\n    return 0.0\n",
        "import math\n\ndef area(radius: float) -> float:\n    return math.pi * radius**2\n",
        "",
    ]
    assert shared(benchmarks, *texts) == [["ours"], ["ours"], ["ours"], ["ours"], [], []]


def test_a_run_does_not_reach_across_files(problems: Path) -> None:
    words = PROBLEM["canonical_solution"].split("for left")
    assert shared(Benchmarks.load([problems]), words[0][-20:], "for left" + words[1][:20]) == [[], []]


def test_what_any_code_says_contaminates_nothing(tmp_path: Path) -> None:
    idioms = "result = []\nfor i in range(len(x)):\n    for j in range(i + 1, len(x)):\n        y = [1, 2, 3, 4, 5]\n"
    path = tmp_path / "idioms.jsonl"
    path.write_text(json.dumps({"prompt": idioms, "canonical_solution": ""}) + "\n")
    assert shared(Benchmarks.load([path]), "z = []\nfor i in range(len(x)):\n    for j in range(i + 1, 9):\n") == [[]]


def test_a_list_of_hashes_stands_for_the_benchmark(problems: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(problems.read_bytes()))
    count = write_list("Ours", packed, tmp_path / "ours.json")
    assert count == len(Benchmarks.load([problems]).hashes) > 20
    content = (tmp_path / "ours.json").read_text()
    assert "gaps" not in content and "mountain" not in content
    assert shared(Benchmarks.load([tmp_path / "ours.json"]), PROBLEM["canonical_solution"]) == [["ours"]]


def test_the_shipped_list_is_humanevals(tmp_path: Path) -> None:
    paths = benchmark_files(["resources/decontamination/humaneval.json"])
    benchmarks = Benchmarks.load(paths)
    assert len(benchmarks.hashes) == read_json(paths[0])["runs"] == 13358
    # The first problem's prompt, put together so that this file holds no run of it.
    start = ["from typing import List", "def has_close", "elements(numbers: List[float], threshold: float) -> bool:"]
    assert shared(benchmarks, f"{start[0]}\n\n\n{start[1]}_{start[2]}\n") == [["humaneval"]]


def test_every_shipped_problem_and_bug_is_recognized() -> None:
    """As it stands in its file, and with all its lines joined."""
    paths = benchmark_files(read(CONFIG)["curate"]["benchmarks"])
    assert [path.name for path in paths] == ["bugs.jsonl", "functions.jsonl", "humaneval.json"]
    benchmarks = Benchmarks.load(paths)
    bugs, functions = ([json.loads(line) for line in path.read_text().splitlines()] for path in paths[:2])
    for bug in bugs:
        assert all("bugs" in found for found in shared(benchmarks, bug["broken"], bug["fixed"])), bug["bug_id"]
    for problem in functions:
        text = problem["prompt"] + problem["canonical_solution"]
        found = shared(benchmarks, text, " ".join(text.split()))
        assert all("functions" in names for names in found), problem["task_id"]


def test_lists_of_another_lexer_and_other_files_are_refused(problems: Path, tmp_path: Path) -> None:
    write_list("Ours", problems, tmp_path / "ours.json")
    changed = read_json(tmp_path / "ours.json") | {"check": "0" * 16}
    (tmp_path / "ours.json").write_text(json.dumps(changed))
    with pytest.raises(Failure, match=r"ours\.json: was made by another version"):
        Benchmarks.load([tmp_path / "ours.json"])
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(Failure, match=r"bad\.json: is no list"):
        Benchmarks.load([tmp_path / "bad.json"])
    (tmp_path / "bad.jsonl").write_text("not json\n")
    with pytest.raises(Failure, match=r"bad\.jsonl: is no JSONL"):
        Benchmarks.load([tmp_path / "bad.jsonl"])
    with pytest.raises(Failure, match=r"benchmarks: there is no file absent\.jsonl"):
        benchmark_files(["absent.jsonl"])
    with pytest.raises(Failure, match=r"benchmarks: no file matches nothing/\*\.jsonl"):
        benchmark_files(["nothing/*.jsonl"])
    with pytest.raises(Failure, match="no file matches"):
        benchmark_files([str(tmp_path / "nothing" / "*.jsonl")])


def test_equal_code_has_equal_hashes_everywhere() -> None:
    text = PROBLEM["prompt"]
    assert run_hashes([text]).tolist() == run_hashes(["x = 1\n", text]).tolist() != []


def test_a_problem_may_hold_any_line_separator_that_json_allows(tmp_path: Path) -> None:
    problem = PROBLEM | {"note": "one line\u2028and the next"}
    escaped, raw = tmp_path / "escaped.jsonl", tmp_path / "raw.jsonl"
    escaped.write_text(json.dumps(problem) + "\n", encoding="utf-8")
    raw.write_text("\ufeff" + json.dumps(problem, ensure_ascii=False) + "\n", encoding="utf-8")
    runs = [write_list("ours", path, tmp_path / "list.json") for path in (escaped, raw)]
    assert runs[0] == runs[1] > 0
