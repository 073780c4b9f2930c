"""Bugs with tests: how many does the search of `charmer fix` mend and prove in time, and with how many attempts?

Three kinds of bug: solutions of our problems that an operator broke, those that one of the withheld operators broke
(of which neither training nor search knows), and the bugs that people made, under `resources/problems/bugs`. A fix
counts where the function's own tests pass, in the judge's sandboxes; it need not be the text that was broken.

Beside each search stands the same one in random order, with the same candidates and limits and nothing learned from an
attempt: what the model, the spectrum and the errors are worth is the ratio of the attempts. A search that ran out of
time or attempts counts with those that it made, which favours the random order.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.errors.attempts import Attempt, FunctionTests, ScriptTests
from charmer.errors.edits import Edit, apply, line_of
from charmer.errors.operators import OPERATORS, SEMANTIC, Ground, drawn
from charmer.errors.proposals import Mender
from charmer.errors.search import Search
from charmer.evaluation.support import subject
from charmer.evaluation.support.problems import Problem, load
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row, gap, table
from charmer.inference import context
from charmer.sandbox.judge import Task
from charmer.sandbox.run import Sandbox, Unavailable

NEEDS = ()

TRIES = 8  # breaks of one solution that are tried until its tests fail
SHOWN = 10  # cases that the report shows, of the best and of the worst
DATA = ("plain data", "no usable answer")  # what the judge says of values that it cannot carry

logger = logging.getLogger("charmer")


@dataclass(frozen=True)
class Case:
    """A broken program, and what judges it.

    Attributes:
        name: the problem's, or the bug's.
        group: "operators", "withheld" or "people".
        kind: what broke it.
        broken, sound: the program with and without the bug.
        tests: its verifier.
        before: what became of `broken`.
    """

    name: str
    group: str
    kind: str
    broken: str
    sound: str
    tests: FunctionTests | ScriptTests
    before: Attempt


@dataclass(frozen=True)
class Ended:
    """How the searches on a case ended: attempts and success, ours and in random order; seconds of ours, ranking
    included; and the edit that passed."""

    fixed: bool
    attempts: int
    seconds: float
    random_fixed: bool
    random_attempts: int
    edit: Edit | None


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "fixed" and, for the same cases, "fixed in random order", "attempts" and "attempts in random order" (the
    median), and "ratio of attempts"; then the same for the withheld operators and for the bugs of people
    ("bugs=withheld fixed", ...). A gap where code cannot be isolated and may not run without.

    Args:
        model: the model's folder.
        data: nothing of it is used.
        settings: problems and bugs (paths), cases, withheld and people (numbers of cases), seconds and attempts of a
            search, timeout of an attempt, seed; allow_unsandboxed, where given.
        threads: of the CPU.

    Raises:
        Failure: a file of problems or bugs is absent or wrong, or a sandbox does not start.
    """
    try:
        sandbox = Sandbox(settings.get("allow_unsandboxed", False))
    except Unavailable as reason:
        logger.warning("repair: %s", reason)
        return gap(str(reason))
    network, tokenizer = subject.load(model, 1)  # each case has one thread, and as many cases run as there are
    mender = Mender(network, tokenizer, context.learned(model))
    cases = list(cases_of(sandbox, settings))
    with Progress("mending", len(cases), "case") as progress:

        def work(case: Case) -> Ended:
            ended = search(mender, case, settings)
            progress.advance(1)
            return ended

        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(work, cases))
    return figures(cases, found)


def cases_of(sandbox: Sandbox, settings: dict[str, Any]) -> Iterator[Case]:
    """The cases that the settings ask for, the same ones for every model."""
    problems = load(Path(settings["problems"]))
    semantic = [OPERATORS[name] for name in SEMANTIC]
    for group, count in (("operators", settings["cases"]), ("withheld", settings["withheld"])):
        chance = random.Random(f"{settings['seed']} {group}")
        shuffled = chance.sample(problems, len(problems))
        operators = [one for one in semantic if one.withheld == (group == "withheld")]
        for problem in shuffled:
            if count and (case := _broken(sandbox, problem, operators, chance, group, settings["timeout"])):
                count -= 1
                yield case
    bugs = read_bugs(Path(settings["bugs"]))
    chosen = random.Random(f"{settings['seed']} people").sample(bugs, min(settings["people"], len(bugs)))
    for bug in chosen:
        task = Task(bug["fixed"], bug["entry_point"], bug["test"])
        tests: FunctionTests | ScriptTests = FunctionTests(sandbox, task, settings["timeout"])
        if (before := _first(tests, bug["broken"], bug["fixed"])) is None:
            tests = ScriptTests(sandbox, task, settings["timeout"])
            before = _first(tests, bug["broken"], bug["fixed"])
        if before is not None:
            yield Case(bug["bug_id"], "people", bug["kind"], bug["broken"], bug["fixed"], tests, before)
        else:
            logger.warning("repair: left out %s, whose own solution does not pass here", bug["bug_id"])


def _broken(
    sandbox: Sandbox, problem: Problem, operators: list[Any], chance: random.Random, group: str, timeout: float
) -> Case | None:
    """A problem's solution, broken so that its tests see it; None where that cannot be."""
    sound = problem.prompt + problem.canonical_solution
    tests = FunctionTests(sandbox, Task(sound, problem.entry_point, problem.test), timeout)
    breaks = [edit for _ in range(TRIES) if (edit := drawn(Ground(sound), operators, chance)) is not None]
    if not breaks:
        return None
    with tests.session() as attempt:
        if not attempt(sound).passed:
            return None
        for edit in breaks:
            broken = apply(sound, edit)
            before = attempt(broken)
            if not before.passed:
                return Case(problem.task_id, group, edit.kind, broken, sound, tests, before)
    return None


def _first(tests: FunctionTests | ScriptTests, broken: str, sound: str) -> Attempt | None:
    """What becomes of a broken program; None where the tests cannot tell it from the sound one here."""
    with tests.session() as attempt:
        if not attempt(sound).passed:
            return None
        before = attempt(broken)
        return None if before.passed or any(word in before.error for word in DATA) else before


def read_bugs(path: Path) -> list[dict[str, Any]]:
    """The bugs of a file, one JSON object a line.

    Raises:
        Failure: the file is absent, or a line is no bug.
    """
    wanted = {"bug_id", "kind", "entry_point", "broken", "fixed", "test"}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        bugs = [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file of bugs; check evaluate.repair.bugs") from None
    except ValueError as error:
        raise Failure(f"{path}: is not JSON, one object a line ({error})") from None
    for number, bug in enumerate(bugs, start=1):
        if not isinstance(bug, dict) or not wanted <= bug.keys():
            raise Failure(f"{path}: bug {number} lacks one of {', '.join(sorted(wanted))}")
    return bugs


class _Held:
    """A verifier whose sandboxes are open already, for one thread."""

    def __init__(self, attempt: Callable[[str], Attempt]) -> None:
        self.attempt = attempt

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], Attempt]]:
        yield self.attempt


def search(mender: Mender, case: Case, settings: dict[str, Any]) -> Ended:
    """Both searches on one case, with one processor."""
    began = time.monotonic()
    deadline = began + settings["seconds"]
    with case.tests.session() as attempt:
        spectrum = case.tests.spectrum(case.broken)
        edits, found = mender.proposals(case.broken, spectrum, case.before.error)
        ours = Search(case.broken, edits, found, case.before).run(_Held(attempt), deadline, most=settings["attempts"])
        seconds = time.monotonic() - began
        chance = np.random.default_rng(settings["seed"]).random(len(edits))
        deadline = time.monotonic() + settings["seconds"]
        other = Search(case.broken, edits, chance, case.before, steered=False)
        theirs = other.run(_Held(attempt), deadline, most=settings["attempts"])
    return Ended(ours.edit is not None, ours.attempts, seconds, theirs.edit is not None, theirs.attempts, ours.edit)


def figures(cases: Sequence[Case], found: Sequence[Ended]) -> pa.Table:
    """The table: the cases that operators broke first, then those that withheld ones broke, then those of people."""
    rows: list[Row] = []
    for group in ("operators", "withheld", "people"):
        pairs = [(case, ended) for case, ended in zip(cases, found, strict=True) if case.group == group]
        if not pairs:
            continue
        before = "" if group == "operators" else f"bugs={group} "
        count = len(pairs)
        ours = np.array([ended.attempts for _, ended in pairs], np.float64)
        theirs = np.array([ended.random_attempts for _, ended in pairs], np.float64)
        for name, fixed in (
            ("fixed", sum(ended.fixed for _, ended in pairs)),
            ("fixed in random order", sum(ended.random_fixed for _, ended in pairs)),
        ):
            detail = _detail(pairs) if name == "fixed" else None
            rows.append(Row(f"{before}{name}", fixed / count, wilson(fixed, count), count, "share", detail))
        for name, attempts in (("attempts", ours), ("attempts in random order", theirs)):
            rows.append(Row(f"{before}{name}", float(np.median(attempts)), None, count, "attempts"))
        if theirs.any():
            ratio = float(ours.sum() / theirs.sum())
            rows.append(Row(f"{before}ratio of attempts", ratio, bootstrap_ratio(ours, theirs), count, "ratio"))
        seconds = float(np.median([ended.seconds for _, ended in pairs]))
        rows.append(Row(f"{before}seconds", seconds, None, count, "seconds"))
    return table("repair", rows)


def _detail(pairs: Sequence[tuple[Case, Ended]]) -> dict[str, Any]:
    """Every case in a line, and the best and the worst of them with their text."""
    order = sorted(pairs, key=lambda pair: (not pair[1].fixed, pair[1].attempts, pair[0].name))
    lines = [
        {"name": case.name, "kind": case.kind, "fixed": ended.fixed, "attempts": ended.attempts}
        | {"random_fixed": ended.random_fixed, "random_attempts": ended.random_attempts}
        | {"exact": ended.edit is not None and apply(case.broken, ended.edit) == case.sound}
        for case, ended in order
    ]
    shown = [*order[:SHOWN], *order[max(SHOWN, len(order) - SHOWN) :]]
    return {"examples": lines, "shown": [_shown(case, ended) for case, ended in shown]}


def _shown(case: Case, ended: Ended) -> dict[str, Any]:
    edit = ended.edit
    tried = None if edit is None else {"line": line_of(case.broken, edit.start), "text": apply(case.broken, edit)}
    return {"name": case.name, "kind": case.kind, "broken": case.broken, "sound": case.sound, "fix": tried}
