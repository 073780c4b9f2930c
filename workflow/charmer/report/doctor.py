"""What the doctor found, for the page and for the end of a run: a verdict for each failure, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from charmer.report import numbers
from charmer.report.inputs import Rows

NEEDED = {"failure", "title", "bound", "says", "cure", "low", "found"}


@dataclass(frozen=True)
class Verdict:
    """One of the failures.

    Attributes:
        title: the failure as a sentence.
        state: "found", "not found", or "too short to tell".
        signs: says, figure, bound and found for each figure that it was judged by, the bad ones first.
        cures: what to do, without repetition; empty unless found.
    """

    failure: str
    title: str
    state: str
    signs: list[dict[str, Any]]
    cures: list[str]


def verdicts(rows: Rows) -> list[Verdict]:
    """The verdicts in the order of the table `rows` of the metric `doctor`; rows of another shape are left out."""
    rows = [row for row in rows if set(row["detail"]) >= NEEDED]
    found = []
    for failure in dict.fromkeys(row["detail"]["failure"] for row in rows):
        own = [row for row in rows if row["detail"]["failure"] == failure]
        own.sort(key=lambda row: row["detail"]["found"] is not True)
        bad = [row["detail"] for row in own if row["detail"]["found"]]
        undecided = any(row["detail"]["found"] is None for row in own)
        state = "found" if bad else "too short to tell" if undecided else "not found"
        cures = list(dict.fromkeys(detail["cure"] for detail in bad))
        found.append(Verdict(failure, own[0]["detail"]["title"], state, [_sign(row) for row in own], cures))
    return found


def _sign(row: dict[str, Any]) -> dict[str, Any]:
    detail, unit = row["detail"], row["unit"]
    bound = ("at least " if detail["low"] else "at most ") + _figure(detail["bound"], unit)
    return {"says": detail["says"], "figure": _figure(row["value"], unit), "bound": bound, "found": detail["found"]}


def _figure(value: float, unit: str) -> str:
    return f"{100 * value:.3g}{numbers.SPACE}%" if unit == "share" else f"{value:.3g}"


def summary(found: list[Verdict]) -> list[str]:
    """A line for each failure that was found; or one that says that none was, and what could not be judged."""
    lines = [f"{verdict.title}: {verdict.signs[0]['says']}; {verdict.cures[0]}" for verdict in found if verdict.cures]
    open_ = [verdict.failure for verdict in found if verdict.state == "too short to tell"]
    if lines:
        return lines
    return ["found nothing" + (f"; too short a run to judge {', '.join(open_)}" if open_ else "")] if found else []
