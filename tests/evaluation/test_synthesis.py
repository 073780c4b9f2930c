"""Function synthesis: the estimator by hand, the loader's refusals, and a model that writes nothing sensible."""

import gzip
import itertools
import json
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.evaluation import synthesis
from charmer.evaluation.support.problems import Problem, load
from charmer.evaluation.support.table import gap_of
from charmer.report import plots
from charmer.sandbox import run
from charmer.sandbox.judge import Verdict

SHIPPED = Path(__file__).parents[2] / "resources" / "problems" / "functions.jsonl"
DOUBLE = {
    "task_id": "own/1",
    "prompt": 'def double(value):\n    """Twice the value."""\n',
    "entry_point": "double",
    "canonical_solution": "    return value * 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
}
SETTINGS = {"samples": 2, "max_bytes": 8, "temperature": 1.0, "seed": 1, "timeout": 2.0}


def written(path: Path, *problems: dict) -> Path:
    path.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    return path


def test_pass_at_k_is_the_share_of_draws_with_a_right_one():
    for samples, right, k in [(5, 2, 1), (5, 2, 3), (4, 0, 2), (4, 4, 1), (6, 5, 2)]:
        draws = list(itertools.combinations([True] * right + [False] * (samples - right), k))
        expected = sum(any(draw) for draw in draws) / len(draws)
        assert synthesis.pass_at(k, samples, right) == pytest.approx(expected)


def test_figures_by_hand():
    problems = [Problem(**DOUBLE, tier=tier) for tier in (1, 1, 2)]
    right = (10, 5, 0)
    verdicts = [[Verdict(place < good, "" if place < good else "wrong") for place in range(10)] for good in right]
    rows = synthesis.figures(problems, [["text"] * 10] * 3, verdicts).to_pylist()
    found = {row["slice"]: row for row in rows}
    assert list(found) == ["pass@1", "pass@10", "tier=1 pass@1", "tier=1 pass@10", "tier=2 pass@1", "tier=2 pass@10"]
    assert found["pass@1"]["value"] == pytest.approx(0.5)
    assert found["pass@10"]["value"] == pytest.approx(2 / 3)
    assert found["tier=1 pass@1"]["value"] == pytest.approx(0.75) and found["tier=1 pass@1"]["cases"] == 2
    assert found["pass@1"]["low"] < 0.5 < found["pass@1"]["high"]
    assert (found["tier=2 pass@1"]["value"], found["tier=2 pass@1"]["low"]) == (0.0, 0.0)
    assert found["tier=2 pass@1"]["high"] > 0.5  # one problem says little
    detail = json.loads(found["pass@1"]["detail"])
    assert [problem["right"] for problem in detail["problems"]] == [10, 5, 0]
    assert [program["passed"] for program in detail["programs"]] == [True, True, False]


def test_the_report_draws_the_tiers_below_the_whole():
    verdicts = [[Verdict(True)], [Verdict(False, "wrong")]]
    problems = [Problem(**DOUBLE, tier=1), Problem(**DOUBLE, tier=2)]
    rows = [row | {"detail": {}} for row in synthesis.figures(problems, [["text"]] * 2, verdicts).to_pylist()]
    (plot,) = plots.metric("synthesis", rows)
    text = json.dumps(plot.specification)
    assert [label for label in ("pass@1", "tier 1, pass@1", "tier 2, pass@1") if f'"{label}"' not in text] == []


def test_problems_are_read_with_and_without_tiers_and_packed(tmp_path: Path):
    path = written(tmp_path / "p.jsonl", DOUBLE, DOUBLE | {"task_id": "own/2", "tier": 3})
    assert [problem.tier for problem in load(path)] == [None, 3]
    packed = tmp_path / "p.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert load(packed) == load(path)


WRONG = {
    "lacks the field 'test'": {key: value for key, value in DOUBLE.items() if key != "test"},
    "'prompt' holds int": DOUBLE | {"prompt": 3},
    "defines no function 'triple'": DOUBLE | {"entry_point": "triple"},
    "the solution does not compile": DOUBLE | {"canonical_solution": "    return (\n"},
    "defines no function 'check'": DOUBLE | {"test": "assert True"},
    "tier is 'easy'": DOUBLE | {"tier": "easy"},
    "a second time": DOUBLE | {"task_id": "own/0"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_problem_is_named_with_its_line(tmp_path: Path, reason: str):
    path = written(tmp_path / "p.jsonl", DOUBLE | {"task_id": "own/0"}, WRONG[reason])
    with pytest.raises(Failure, match=reason) as failure:
        load(path)
    assert str(failure.value).startswith(f"{path}, line 2")


def test_files_that_hold_no_problems_are_refused(tmp_path: Path):
    with pytest.raises(Failure, match="no such file"):
        load(tmp_path / "none.jsonl")
    for text, reason in (("", "holds no problem"), ("{\n", "line 1: is not JSON"), ("[1]\n", "no JSON object")):
        (tmp_path / "p.jsonl").write_text(text)
        with pytest.raises(Failure, match=reason):
            load(tmp_path / "p.jsonl")


def test_texts_may_hold_any_end_of_line_and_a_file_a_byte_order_mark(tmp_path: Path):
    odd = DOUBLE | {"prompt": 'def double(value):\n    """Twice\u2028the\x85value."""\n'}
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(odd, ensure_ascii=False).encode() + b"\r\n\r\n")
    assert [problem.prompt for problem in load(path)] == [odd["prompt"]]


def test_damaged_packed_files_are_refused(tmp_path: Path):
    packed = gzip.compress(json.dumps(DOUBLE).encode() * 9)
    path = tmp_path / "p.jsonl.gz"
    for damaged in (packed[:-20], packed[:10] + b"\xff" * 20 + packed[30:], b"no gzip"):
        path.write_bytes(damaged)
        with pytest.raises(Failure, match="cannot be read"):
            load(path)


NUMPY = DOUBLE | {"task_id": "own/numpy", "prompt": "import numpy\n" + DOUBLE["prompt"]}
OBJECT = DOUBLE | {"task_id": "own/object", "canonical_solution": "    return object()\n"}


def test_problems_whose_own_solution_fails_here_are_left_out_and_named(
    world: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    if run.unavailable():
        pytest.skip(f"no isolation here: {run.unavailable()}")
    path = written(tmp_path / "p.jsonl", NUMPY, DOUBLE, OBJECT)
    table = synthesis.evaluate(world["model"], {}, SETTINGS | {"problems": str(path)}, threads=1)
    (row,) = table.to_pylist()
    detail = json.loads(row["detail"])
    assert (row["cases"], list(detail["left_out"])) == (1, ["own/numpy", "own/object"])
    assert "numpy" in detail["left_out"]["own/numpy"] and "not plain data" in detail["left_out"]["own/object"]
    assert [problem["task_id"] for problem in detail["problems"]] == ["own/1"]
    (line,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert "2 of 3" in line and "own/numpy, own/object" in line and "\n" not in line
    path = written(tmp_path / "p.jsonl", NUMPY)
    with pytest.raises(Failure, match=r"not one of the 1 passes .*own/numpy"):
        synthesis.evaluate(world["model"], {}, SETTINGS | {"problems": str(path)}, threads=1)


def test_solutions_longer_than_the_limit_are_counted(world: dict[str, Path], tmp_path: Path):
    if run.unavailable():
        pytest.skip(f"no isolation here: {run.unavailable()}")
    long = DOUBLE | {"task_id": "own/2", "canonical_solution": f"    return value * 2  # {'abc ' * 50}\n"}
    path = written(tmp_path / "p.jsonl", DOUBLE, long)
    settings = SETTINGS | {"problems": str(path), "max_bytes": 40}
    (row,) = synthesis.evaluate(world["model"], {}, settings, threads=1).to_pylist()
    assert json.loads(row["detail"])["longer"] == 0.5


def test_a_model_that_knows_nothing_solves_nothing(world: dict[str, Path], tmp_path: Path):
    if run.unavailable():
        pytest.skip(f"no isolation here: {run.unavailable()}")
    path = written(tmp_path / "p.jsonl", DOUBLE | {"tier": 1})
    table = synthesis.evaluate(world["model"], {}, SETTINGS | {"problems": str(path)}, threads=1)
    assert [(row["slice"], row["value"]) for row in table.to_pylist()] == [("pass@1", 0.0), ("tier=1 pass@1", 0.0)]
    assert gap_of(table) is None


def test_without_isolation_the_metric_is_a_gap(world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "unavailable", lambda: "bubblewrap is not installed")
    path = written(tmp_path / "p.jsonl", DOUBLE)
    table = synthesis.evaluate(world["model"], {}, SETTINGS | {"problems": str(path)}, threads=1)
    assert table.num_rows == 0
    assert "bubblewrap is not installed" in str(gap_of(table)) and "allow_unsandboxed" in str(gap_of(table))


@pytest.mark.slow
def test_the_shipped_solutions_pass_and_an_empty_body_does_not():
    if run.unavailable():
        pytest.skip(f"no isolation here: {run.unavailable()}")
    problems = load(SHIPPED)
    samples = [[p.prompt + p.canonical_solution, p.prompt + "    return NotImplemented\n"] for p in problems]
    verdicts = synthesis.judge_samples(problems, samples, 5.0, 2, run.Sandbox())
    assert {p.task_id: right for p, (right, _) in zip(problems, verdicts, strict=True) if not right.passed} == {}
    assert [p.task_id for p, (_, empty) in zip(problems, verdicts, strict=True) if empty.passed] == []
