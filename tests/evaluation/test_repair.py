"""Bugs with tests: figures worked out by hand, and a model that knows nothing, whose order is no better than chance."""

import json
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.errors.attempts import Attempt, FunctionTests
from charmer.errors.edits import Edit
from charmer.evaluation import repair
from charmer.evaluation.repair import Case, Ended, figures
from charmer.evaluation.support.table import gap_of
from charmer.sandbox import run
from charmer.sandbox.judge import Task
from charmer.sandbox.run import Sandbox, unavailable

PROBLEM = {
    "task_id": "own/1",
    "prompt": 'def double(value):\n    """Twice the value."""\n',
    "entry_point": "double",
    "canonical_solution": "    return value * 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert candidate(-1) == -2\n",
}
BOX = """class Box:
    def __init__(self):
        self.a, self.b = 1, 2

    def get(self):
        return self.NAME
"""
BUG = {
    "bug_id": "own-bug/1",
    "kind": "wrong-attribute",
    "entry_point": "Box",
    "broken": BOX.replace("NAME", "a"),
    "fixed": BOX.replace("NAME", "b"),
    "test": "def check(candidate):\n    assert candidate().get() == 2\n",
}


@pytest.fixture
def settings(tmp_path: Path) -> dict:
    (tmp_path / "problems.jsonl").write_text(json.dumps(PROBLEM) + "\n")
    (tmp_path / "bugs.jsonl").write_text(json.dumps(BUG) + "\n")
    paths = {"problems": str(tmp_path / "problems.jsonl"), "bugs": str(tmp_path / "bugs.jsonl")}
    return {**paths, "cases": 1, "withheld": 1, "people": 1, "seconds": 60, "attempts": 400, "timeout": 1.0, "seed": 1}


def test_figures_by_hand():
    tests = FunctionTests(None, Task("", "", ""))  # type: ignore[arg-type]
    case = Case("a", "operators", "wrong-operator", "x = 1\n", "x = 2\n", tests, Attempt(False))
    found = [
        Ended(True, 4, 2.0, True, 40, Edit(4, 5, "2", "number")),
        Ended(False, 100, 8.0, False, 100, None),
        Ended(True, 6, 3.0, False, 100, Edit(4, 5, "3", "number")),
    ]
    table = figures([case] * 3, found)
    rows = {row["slice"]: row["value"] for row in table.to_pylist()}
    assert rows == {
        "fixed": pytest.approx(2 / 3),
        "fixed in random order": pytest.approx(1 / 3),
        "attempts": 6,
        "attempts in random order": 100,
        "ratio of attempts": pytest.approx(110 / 240),
        "seconds": 3.0,
    }
    detail = json.loads(table.to_pylist()[0]["detail"])
    assert [line["exact"] for line in detail["examples"]] == [True, False, False]
    assert [line["attempts"] for line in detail["examples"]] == [4, 6, 100]


def test_a_broken_function_and_a_persons_bug_are_mended(world: dict[str, Path], settings: dict):
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no isolation here: {reason}")
    rows = {row["slice"]: row for row in repair.evaluate(world["model"], {}, settings, 1).to_pylist()}
    assert rows["fixed"]["value"] == 1.0 and rows["bugs=people fixed"]["value"] == 1.0
    assert "bugs=withheld fixed" not in rows  # none of the withheld operators can break it
    assert 0 < rows["ratio of attempts"]["value"] < 10


def test_a_file_of_bugs_that_is_none_is_named(tmp_path: Path):
    path = tmp_path / "bugs.jsonl"
    with pytest.raises(Failure, match="no such file of bugs"):
        repair.read_bugs(path)
    path.write_text('{"bug_id": "x"}\n')
    with pytest.raises(Failure, match="bug 1 lacks one of"):
        repair.read_bugs(path)


def test_without_isolation_it_is_a_gap(monkeypatch: pytest.MonkeyPatch, world: dict[str, Path], settings: dict):
    monkeypatch.setattr(run, "unavailable", lambda: "bubblewrap is not installed; install it")
    assert "bubblewrap is not installed" in str(gap_of(repair.evaluate(world["model"], {}, settings, 1)))


def test_how_far_a_test_came_and_which_lines_ran_are_told():
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no isolation here: {reason}")
    text = "def f(x):\n    if x > 1:\n        return x\n    y = x - 1\n    return y\n"
    test = "def check(candidate):\n    for x in (5, 3, 0):\n        assert candidate(x) == x\n"
    tests = FunctionTests(Sandbox(), Task(text, "f", test))
    with tests.session() as attempt:
        told = [attempt(text), attempt(text.replace("x - 1", "x")), attempt(text.replace("y = x", "y = z"))]
        slow = attempt("def f(x):\n    while True: pass\n")
    assert [one.passed for one in told] == [False, True, False]
    assert (told[0].error, told[0].progress) == ("AssertionError:", 4)
    assert told[2].error == "NameError: name 'z' is not defined"
    assert slow.limit and not slow.passed
    spectrum = tests.spectrum(text)
    assert spectrum is not None and set(spectrum.lines) == {2, 4, 5}
    assert spectrum.lines[4] > spectrum.lines[2]  # the passing calls do not come there
