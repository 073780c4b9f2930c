"""Syntax repair: how often the first repair of `check` makes a broken file parse, and restores what stood there.

A repair counts only where it changes at most five pieces of code and loses no statement of the original: emptying a
file makes it parse, too. Cases are files of packages that training never saw, broken once by an operator, with the
running interpreter's message. The share of real errors that Break-It-Fix-It repairs (Yasunaga and Liang 2021,
arXiv:2106.06600) is of people's own errors in single functions, so it stands beside these only roughly.
"""

from __future__ import annotations

import ast
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.progress import Progress
from charmer.errors import fault, syntax
from charmer.errors.block import BROKEN
from charmer.errors.cases import Case, draw
from charmer.errors.edits import Edit, apply
from charmer.evaluation.support import subject
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row, table

NEEDS = ("test_broken",)
EXAMPLES = 10  # of repairs that restored the file, and of those that did not
AROUND = 40  # characters on each side that an example shows


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "parses", "restored exactly", "restored by one of the repairs", "seconds a file".

    Args:
        model: the model's folder.
        data: `test_broken`, the test split's table of broken code.
        settings: cases.
        threads: of the CPU.

    The detail of "parses" holds the counts of each kind of fault as [cases, parses, restored], and examples.

    Raises:
        Failure: the table is damaged or holds no such case.
    """
    network, tokenizer = subject.load(model, threads)
    cases = draw(data["test_broken"], "syntax", settings["cases"])
    parses, exact, listed = Counter[str](), Counter[str](), 0
    seconds, examples = [], []
    with Progress("syntax repair", len(cases), "file") as progress:
        for case in cases:
            started = time.perf_counter()
            found = [edit for edit, _ in syntax.repairs(network, tokenizer, case.broken)]
            seconds.append(time.perf_counter() - started)
            top = found[0] if found else None
            parses[case.kind] += top is not None and honest(case, top)
            exact[case.kind] += top is not None and apply(case.broken, top) == case.original
            listed += any(apply(case.broken, edit) == case.original for edit in found)
            examples.append(_example(case, top))
            progress.advance(1)
    count = len(cases)
    kinds = {
        kind: [number, parses[kind], exact[kind]] for kind, number in sorted(Counter(c.kind for c in cases).items())
    }
    shown = [one for right in (True, False) for one in [e for e in examples if e["right"] is right][:EXAMPLES]]
    rows = [
        _share("parses", parses.total(), count, {"kinds": kinds, "examples": shown}),
        _share("restored exactly", exact.total(), count),
        _share("restored by one of the repairs", listed, count),
        Row("seconds a file", float(np.mean(seconds)), bootstrap_ratio(np.array(seconds), np.ones(count)), count, "s"),
    ]
    return table("syntax_repair", rows)


def honest(case: Case, edit: Edit) -> bool:
    """Whether a repair makes the file parse, changes little, and loses nothing."""
    if syntax.touched(case.broken, edit) > syntax.MOST_TOKENS:
        return False
    return statements(apply(case.broken, edit)) >= statements(case.original) > -1


def statements(text: str) -> int:
    """How many statements a text has; -1 where it does not parse."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(text)))
    except BROKEN:
        return -1


def _share(name: str, right: int, count: int, detail: dict[str, Any] | None = None) -> Row:
    return Row(name, right / count, wilson(right, count), count, "share", detail)


def _example(case: Case, edit: Edit | None) -> dict[str, Any]:
    """A case as a person reads it: what is around the fault, what should stand there, what the repair puts where."""
    start, end = case.fix.start, case.fix.end
    return {
        "path": case.path,
        "kind": case.kind,
        "before": case.broken[max(start - AROUND, 0) : start],
        "written": case.broken[start:end],
        "after": case.broken[end : end + AROUND],
        "fix": case.fix.replacement,
        "repair": None if edit is None else fault.sentence(case.broken, edit),
        "right": edit is not None and apply(case.broken, edit) == case.original,
    }
