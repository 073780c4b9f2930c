"""Finding bugs: whole files with one wrong edit in each, and where it stands among what `check` suspects.

Files have 100 to 500 lines and come from packages that training never saw. The ranking is judged with its threshold
off, and once more as a person sees it at the default precision. What was broken by operators that neither training nor
the search knows is reported apart. Two baselines rank what stands in the same file: chance, and plain surprise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.progress import Progress
from charmer.errors import calibration, suspicious
from charmer.errors.candidates.source import Source
from charmer.errors.cases import Case, draw
from charmer.errors.edits import Edit, apply, line_of
from charmer.errors.slips import slips
from charmer.evaluation.support import subject
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row, table
from charmer.inference.score import bits_per_token
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_broken", "calibration")
OPTIONAL = ("calibration",)
DEFAULT = 1.0  # false alarms in 500 lines
EXAMPLES = 10  # of the best and of the worst


@dataclass(frozen=True)
class Verdict:
    """Where the bug of one case stands, from 1; None where it does not stand at all.

    Attributes:
        line: among the lines, each at its best spot.
        fix: among the edits: place and replacement are right.
        shown: among the lines of those that a person sees.
        shown_fix: whether the first edit that is shown is right.
        chance, chance_3: probability that a random ranking has the line first, and in its first three.
        surprise: the line's place by its most surprising token.
    """

    line: int | None
    fix: int | None
    shown: int | None
    shown_fix: bool
    chance: float
    chance_3: float
    surprise: int | None
    seconds: float


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "line first", "line in the top 3", "fix first", "fix in the top 5"; "…, at default precision";
    "…, withheld operators"; "…, random ranking"; "…, plain surprise"; "seconds a file".

    Args:
        model: the model's folder.
        data: `test_broken`, the test split's table; `calibration`, of the model, without which the one that ships
            counts.
        settings: cases, and withheld, those by the withheld operators.
        threads: of the CPU.

    The detail of "line first" holds the best and worst cases. Where nothing can be broken by a withheld operator, its
    slices are left out.

    Raises:
        Failure: the table is damaged or holds no such case.
    """
    network, tokenizer = subject.load(model, threads)
    known = calibration.read(data["calibration"].parent if "calibration" in data else model)
    least = known.threshold(DEFAULT)
    cases = draw(data["test_broken"], "semantic", settings["cases"], withheld=False)
    apart = draw(data["test_broken"], "semantic", settings["withheld"], withheld=True, needed=False)
    verdicts = []
    with Progress("bug finding", len(cases) + len(apart), "file") as progress:
        for case in [*cases, *apart]:
            verdicts.append(judge(network, tokenizer, case, least))
            progress.advance(1)
    ours, others = verdicts[: len(cases)], verdicts[len(cases) :]
    rows = _ranks(ours, "", _examples(cases, ours))
    rows += _ranks(others, ", withheld operators") if others else []
    rows += [
        _share("line shown, at default precision", [one.shown is not None for one in ours]),
        _share("line first, at default precision", [one.shown == 1 for one in ours]),
        _share("fix first, at default precision", [one.shown_fix for one in ours]),
        _mean("line first, random ranking", [one.chance for one in ours], "share"),
        _mean("line in the top 3, random ranking", [one.chance_3 for one in ours], "share"),
        _share("line first, plain surprise", [_within(one.surprise, 1) for one in ours]),
        _share("line in the top 3, plain surprise", [_within(one.surprise, 3) for one in ours]),
        _mean("seconds a file", [one.seconds for one in ours], "s"),
    ]
    return table("bug_finding", rows)


def judge(network: Transformer, tokenizer: Tokenizer, case: Case, least: float) -> Verdict:
    """Where the bug of a case stands; findings above `least` are those that a person sees."""
    started = time.perf_counter()
    found = suspicious.spots(network, tokenizer, case.broken)
    seconds = time.perf_counter() - started
    entries = [(edit, score) for spot in found for edit, score in ((spot.edit, spot.score), *spot.others)]
    edits = [edit for edit, _ in sorted(entries, key=lambda entry: (-entry[1], entry[0]))]
    right = [apply(case.broken, edit) == case.original for edit in edits]
    seen = [spot for spot in found if spot.score > least]
    one, three = chance(case, slips(Source(case.broken)))
    return Verdict(
        line=_place([spot.line for spot in found], case.line),
        fix=right.index(True) + 1 if any(right) else None,
        shown=_place([spot.line for spot in seen], case.line),
        shown_fix=bool(seen) and apply(case.broken, seen[0].edit) == case.original,
        chance=one,
        chance_3=three,
        surprise=_place(by_surprise(network, tokenizer, case.broken), case.line),
        seconds=seconds,
    )


def chance(case: Case, edits: Sequence[Edit]) -> tuple[float, float]:
    """The probabilities that the line of the bug is first, and among the first three, when the places of `edits` are
    ranked at random."""
    lines = {line_of(case.broken, edit.start) for edit in edits}
    if case.line not in lines:
        return 0.0, 0.0
    return 1 / len(lines), min(3 / len(lines), 1.0)


def by_surprise(network: Transformer, tokenizer: Tokenizer, text: str) -> list[int]:
    """The lines of a text, that with the most surprising token first."""
    tokens = tokenizer.encode(text)
    (bits,) = bits_per_token(network, [tokens], tokenizer.eof)
    breaks = np.array([tokenizer.token_bytes(token).count(b"\n") for token in tokens.tolist()])
    lines = 1 + np.concatenate(([0], np.cumsum(breaks)[:-1]))
    worst: dict[int, float] = {}
    for line, cost in zip(lines.tolist(), bits.tolist(), strict=True):
        worst[line] = max(worst.get(line, 0.0), cost)
    return sorted(worst, key=lambda line: (-worst[line], line))


def _place(lines: Sequence[int], line: int) -> int | None:
    """The place of a line among others, each of which counts once."""
    order = list(dict.fromkeys(lines))
    return order.index(line) + 1 if line in order else None


def _within(place: int | None, count: int) -> bool:
    return place is not None and place <= count


def _ranks(verdicts: list[Verdict], where: str, detail: dict[str, Any] | None = None) -> list[Row]:
    return [
        _share(f"line first{where}", [_within(one.line, 1) for one in verdicts], detail),
        _share(f"line in the top 3{where}", [_within(one.line, 3) for one in verdicts]),
        _share(f"fix first{where}", [_within(one.fix, 1) for one in verdicts]),
        _share(f"fix in the top 5{where}", [_within(one.fix, 5) for one in verdicts]),
    ]


def _share(name: str, hits: Sequence[bool], detail: dict[str, Any] | None = None) -> Row:
    return Row(name, sum(hits) / len(hits), wilson(sum(hits), len(hits)), len(hits), "share", detail)


def _mean(name: str, values: Sequence[float], unit: str) -> Row:
    numbers = np.array(values)
    return Row(name, float(numbers.mean()), bootstrap_ratio(numbers, np.ones(len(numbers))), len(numbers), unit)


def _examples(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The best and the worst cases: the line as it was written and as it should be, and its place."""
    order = sorted(range(len(cases)), key=lambda at: (verdicts[at].line or 10**6, verdicts[at].fix or 10**6, at))
    chosen = dict.fromkeys([*order[:EXAMPLES], *order[-EXAMPLES:]])
    return {
        "examples": [
            {
                "path": cases[at].path,
                "kind": cases[at].kind,
                "written": cases[at].broken.split("\n")[cases[at].line - 1].strip(),
                "right": cases[at].original.split("\n")[cases[at].line - 1].strip(),
                "line": verdicts[at].line,
                "fix": verdicts[at].fix,
            }
            for at in chosen
        ]
    }
