"""The shipped problems and bugs are what their READMEs say: solutions pass, wrong ones fail, all is counted."""

from __future__ import annotations

import ast
import difflib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "resources/problems"
SECONDS = 60  # a bound for a program that never ends; all of them together take one or two
LONGEST_LINE = 120


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


PROBLEMS = rows("functions.jsonl")
BUGS = rows("bugs/bugs.jsonl")


def errors(work: list[tuple[str, str, str]]) -> list[str | None]:
    """The error of each (program, entry point, test), or None where it passes; all in one process."""
    done = subprocess.run(
        [sys.executable, "-I", Path(__file__).with_name("runner.py")],
        input=json.dumps(work),
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=True,
    )
    return json.loads(done.stdout)


def test_every_solution_passes_its_own_test() -> None:
    found = errors([(row["prompt"] + row["canonical_solution"], row["entry_point"], row["test"]) for row in PROBLEMS])
    assert {row["task_id"]: error for row, error in zip(PROBLEMS, found, strict=True) if error} == {}


@pytest.mark.parametrize("body", ["pass", "return None", "return True", "return 0", "return ''", "return []"])
def test_no_constant_passes(body: str) -> None:
    found = errors([(f"{row['prompt']}    {body}\n", row["entry_point"], row["test"]) for row in PROBLEMS])
    assert [row["task_id"] for row, error in zip(PROBLEMS, found, strict=True) if not error] == []


def test_problems_are_in_humanevals_format() -> None:
    for row in PROBLEMS:
        assert list(row) == ["task_id", "prompt", "entry_point", "canonical_solution", "test", "tier"]
        *_, function = ast.parse(row["prompt"] + "    pass\n").body
        assert isinstance(function, ast.FunctionDef) and function.name == row["entry_point"]
        assert ast.get_docstring(function), row["task_id"]
        assert row["prompt"].endswith('"""\n') and row["canonical_solution"].startswith("    ")
        *_, solved = ast.parse(row["prompt"] + row["canonical_solution"]).body
        assert isinstance(solved, ast.FunctionDef) and solved.name == row["entry_point"]
        check = ast.parse(row["test"]).body[-1]
        assert isinstance(check, ast.FunctionDef) and check.name == "check"
        calls = [node for node in ast.walk(check) if isinstance(node, ast.Call)]
        asked = sum(ast.unparse(call.func) == "candidate" for call in calls)
        assert asked >= 2 or any(isinstance(node, ast.For) for node in check.body), f"{row['task_id']} is hardly tested"


def test_problems_are_numbered_and_named_once() -> None:
    assert [row["task_id"] for row in PROBLEMS] == [f"charmer/{number:03}" for number in range(1, len(PROBLEMS) + 1)]
    assert [row["bug_id"] for row in BUGS] == [f"charmer-bug/{number:03}" for number in range(1, len(BUGS) + 1)]
    assert max(Counter(row["entry_point"] for row in PROBLEMS).values()) == 1
    assert max(Counter(row["entry_point"] for row in BUGS).values()) == 1


def test_the_readme_counts_the_tiers() -> None:
    table = re.findall(r"^\| (\d) \| (\d+) \|", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(tier): int(count) for tier, count in table} == Counter(row["tier"] for row in PROBLEMS)
    assert [row["tier"] for row in PROBLEMS] == sorted(row["tier"] for row in PROBLEMS)
    assert len(PROBLEMS) >= 160 and len(BUGS) >= 60


def test_every_fixed_module_passes_and_every_broken_one_fails() -> None:
    fixed = errors([(row["fixed"], row["entry_point"], row["test"]) for row in BUGS])
    assert {row["bug_id"]: error for row, error in zip(BUGS, fixed, strict=True) if error} == {}
    broken = errors([(row["broken"], row["entry_point"], row["test"]) for row in BUGS])
    assert [row["bug_id"] for row, error in zip(BUGS, broken, strict=True) if not error] == []


def test_broken_and_fixed_differ_at_the_stated_lines_alone() -> None:
    single = 0
    for row in BUGS:
        broken, fixed = row["broken"].splitlines(), row["fixed"].splitlines()
        assert 10 <= len(broken) <= 60, row["bug_id"]
        matcher = difflib.SequenceMatcher(None, broken, fixed, autojunk=False)
        edits = [edit for edit in matcher.get_opcodes() if edit[0] != "equal"]
        first, end = edits[0][1] + 1, edits[-1][2]
        assert (row["line"], row["end_line"]) == (first, max(first, end)), row["bug_id"]
        single += [edit[2] - edit[1] for edit in edits] == [edit[4] - edit[3] for edit in edits] == [1]
    assert f"In {single} of the {len(BUGS)}" in (FOLDER / "bugs/README.md").read_text(encoding="utf-8")


def test_bugs_say_what_they_are() -> None:
    keys = ["bug_id", "origin", "kind", "message", "entry_point", "broken", "fixed", "line", "end_line", "test"]
    for row in BUGS:
        assert list(row) == keys
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row["kind"]), row["bug_id"]
        assert re.match(r"[\w ]+", row["origin"]) and row["message"].endswith("."), row["bug_id"]
        ast.parse(row["broken"])  # the bugs are of meaning, none of syntax


def test_lines_are_as_short_as_in_the_rest_of_the_code() -> None:
    texts = [row["prompt"] + row["canonical_solution"] for row in PROBLEMS]
    texts += [row[version] for row in BUGS for version in ("broken", "fixed")]
    assert max(len(line) for text in texts for line in text.splitlines()) <= LONGEST_LINE
