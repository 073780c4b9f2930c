"""Problems in the JSONL format of HumanEval (Chen et al. 2021, arXiv:2107.03374), checked before a model sees them.

Nothing of a problem is run here: what a loader can know, it knows from the syntax tree.
"""

from __future__ import annotations

import ast
import gzip
import json
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.evaluation.support.functions import BROKEN

FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")


@dataclass(frozen=True)
class Problem:
    """A function to be written.

    Attributes:
        prompt: what the model continues: imports and helpers, if any, and the function's head with its docstring.
        entry_point: the function's name.
        canonical_solution: a body that is right, behind the prompt.
        test: code that defines `check(candidate)`.
        tier: how hard it is, from 1 up; None where the file does not say.
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str
    tier: int | None = None


def load(path: Path) -> list[Problem]:
    """Read a file of problems, one JSON object a line; `.gz` is unpacked.

    Raises:
        Failure: the file is absent, empty or no text, or a line is not JSON, lacks a field, does not define what it
            names, or repeats a task_id. It names file, line and task.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file of problems; check the knob `problems`") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Failure(f"{path}: cannot be read as text ({error})") from error
    problems: dict[str, Problem] = {}
    for number, line in enumerate(text.split("\n"), start=1):  # JSON's texts may hold the other ends of lines
        if line.strip():
            problem = _problem(line, f"{path}, line {number}")
            if problem.task_id in problems:
                raise Failure(f"{path}, line {number}: the task_id {problem.task_id!r} stands here a second time")
            problems[problem.task_id] = problem
    if not problems:
        raise Failure(f"{path}: holds no problem; one JSON object a line is wanted, with {', '.join(FIELDS)}")
    return list(problems.values())


def _problem(line: str, where: str) -> Problem:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise Failure(f"{where}: is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise Failure(f"{where}: is no JSON object")
    where = f"{where}, {found.get('task_id', 'without task_id')}"
    for name in FIELDS:
        if name not in found:
            raise Failure(f"{where}: lacks the field {name!r}")
        if not isinstance(found[name], str):
            raise Failure(f"{where}: the field {name!r} holds {type(found[name]).__name__}, where text is wanted")
    tier = found.get("tier")
    if tier is not None and (not isinstance(tier, int) or isinstance(tier, bool) or tier < 1):
        raise Failure(f"{where}: tier is {tier!r}, where a whole number from 1 up is wanted")
    problem = Problem(**{name: found[name] for name in FIELDS}, tier=tier)
    if problem.entry_point not in _defined(problem.prompt + problem.canonical_solution, f"{where}: the solution"):
        raise Failure(f"{where}: the solution defines no function {problem.entry_point!r}, its entry point")
    if "check" not in _defined(problem.test, f"{where}: the test"):
        raise Failure(f"{where}: the test defines no function 'check'")
    return problem


def _defined(text: str, what: str) -> set[str]:
    """The functions, and names given to other things, at the top of a module."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except BROKEN as error:
        raise Failure(f"{what} does not compile ({error})") from None
    names: set[str] = set()
    for node in tree.body:
        targets: list[Any] = node.targets if isinstance(node, ast.Assign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return names
