"""The run in five numbers and a few samples: what page, index and terminal begin with."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from charmer.report import doctor, numbers
from charmer.report.doctor import Verdict
from charmer.report.inputs import Inputs, Rows, pick


@dataclass(frozen=True)
class Figure:
    """One headline number.

    Attributes:
        name: its key in summary.json.
        label: what it says, for people.
        value, low, high: None where it was not measured.
    """

    name: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    unit: str

    @property
    def text(self) -> str:
        return numbers.number(self.value, self.unit)

    @property
    def interval(self) -> str:
        return numbers.interval(self.low, self.high, self.unit)


def figures(bits: Rows, parses: Rows, training: dict[str, Any]) -> list[Figure]:
    """The five numbers, in the order in which they are shown."""
    parameters = training.get("parameters")
    return [
        _figure("bits_per_byte", "bits per byte of unseen packages", bits, "overall", "bits/byte"),
        _figure("xz", "bits per byte that xz -9 needs", bits, "baseline=xz -9", "bits/byte"),
        _figure("compiles", "of generated functions compile", parses, "compiles", "share"),
        _figure("names_exist", "use only names that exist", parses, "names exist", "share"),
        Figure("parameters", "parameters", parameters, None, None, "parameters"),
    ]


def _figure(name: str, label: str, rows: Rows, which: str, unit: str) -> Figure:
    row = pick(rows, which)
    if row is None:
        return Figure(name, label, None, None, None, unit)
    return Figure(name, label, row["value"], row["low"], row["high"], unit)


def samples(rows: Rows) -> list[dict[str, Any]]:
    """The samples' prompts and completions."""
    return [row["detail"] for row in rows if {"prompt", "completion"} <= set(row["detail"])]


def summary(
    run: Path,
    inputs: Inputs,
    training: dict[str, Any],
    shown: list[Figure],
    samples: list[dict[str, Any]],
    verdicts: list[Verdict],
) -> dict[str, Any]:
    """What `summary.json` holds: headline numbers, samples, the doctor's words, the model's size, and paths relative to
    the run."""
    kept = ("parameters", "tokens", "steps", "seconds", "flops", "device", "precision", "threads")
    weights = inputs.paths.get("weights")
    return {
        "run": run.name,
        "headline": {figure.name: asdict(figure) for figure in shown},
        "model": {key: training[key] for key in kept if key in training}
        | ({"bytes": weights.stat().st_size} if weights and weights.exists() else {}),
        "samples": samples,
        "doctor": doctor.summary(verdicts),
        "paths": {
            "report": "report/index.html",
            "model": _relative(inputs.model, run) if inputs.model else None,
            "index": "../../index.html",
        },
    }


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()
