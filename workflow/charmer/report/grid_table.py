"""The runs of a grid as one tidy table: a row a run, a column each for its knobs, its costs and what was measured.

Notable here:
- A metric's column holds its value; the columns `.low` and `.high` beside it hold its 95% interval.
- A run that failed keeps its row: its knobs, nothing else, and the reason under `missing`.
- The table is self-sufficient (every knob stands in it, also those that all runs share), so that Parquet or CSV can be
  taken away and read by anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation.support.cases import Cases
from charmer.evaluation.support.table import gap_of

COSTS = ("parameters", "tokens", "steps", "seconds", "flops")
VALIDATION = "validation_bits_per_byte"  # what weights and settings are chosen by
BESIDE = ("corpus", "excerpt")  # slices of a metric's table that are no value of the model


@dataclass(frozen=True)
class Measured:
    """One value of a run with its 95% interval, which may be absent, and the cases behind it, where they were kept."""

    value: float
    low: float | None
    high: float | None
    unit: str
    cases: Cases | None = field(default=None, compare=False, repr=False)


@dataclass
class Member:
    """One run of a grid.

    Attributes:
        point: the label of its value on each axis.
        knobs: every knob by its dotted name.
        held_out: whether a law's forecast is tested on it.
        costs: parameters, tokens, steps, seconds and FLOPs of its training; empty without a model.
        validation: the fewest bits per byte on the validation split.
        metrics: what was measured, by column.
        missing: why it is not complete.
        gaps: metrics that cannot be measured on such a model, with the reason; it is complete without them.
        model: the folder of its model, if that is there.
    """

    run: str
    point: dict[str, str]
    knobs: dict[str, Any]
    held_out: bool
    costs: dict[str, float] = field(default_factory=dict)
    validation: float | None = None
    metrics: dict[str, Measured] = field(default_factory=dict)
    missing: str | None = None
    gaps: list[str] = field(default_factory=list)
    model: Path | None = None


def members(results: Path, settings: Mapping[str, Any], gaps: Mapping[str, tuple[str, bool]]) -> list[Member]:
    """Read every run of a grid, in the order of its cells.

    Args:
        results: the folder that holds `models` and `metrics`.
        settings: as `charmer.pipeline.grid.Grid.settings` gives them.
        gaps: by run, why it is not complete, and whether its model is there all the same.
    """
    return [_member(results, settings, cell, *gaps.get(cell["run"], (None, True))) for cell in settings["cells"]]


def _member(
    results: Path, settings: Mapping[str, Any], cell: Mapping[str, Any], missing: str | None, has_model: bool
) -> Member:
    knobs = {**settings["common"], **cell["knobs"]}
    member = Member(cell["run"], dict(cell["point"]), knobs, cell["held_out"], missing=missing)
    if not has_model:
        return member
    folder = results / "models" / cell["model"]
    try:
        training = files.read_json(folder / "training.json")
        member.costs = {name: training[name] for name in COSTS}
        member.validation, member.model = training.get("bits_per_byte"), folder
        for metric, name in cell["metrics"].items():
            path = results / "metrics" / name / "table.parquet"
            if path.exists() or missing is None:
                table = files.read_table(path)
                member.metrics |= headlines(metric, table.to_pylist())
                if reason := gap_of(table):
                    member.gaps.append(f"{metric}: {reason}")
    except (Failure, KeyError) as error:
        member.missing = missing or str(error)
    return member


def headlines(metric: str, rows: list[dict[str, Any]]) -> dict[str, Measured]:
    """A metric's values of the whole model, by column: `bits_per_byte`, `parses.compiles`.

    Slices of a breakdown (`kind=keyword`) and what stands beside the model's values for comparison are left out.
    """
    found = {}
    for row in rows:
        if "=" not in row["slice"] and row["slice"] not in BESIDE:
            column = metric if row["slice"] == "overall" else f"{metric}.{row['slice'].replace(' ', '_')}"
            found[column] = Measured(row["value"], row["low"], row["high"], row["unit"], _cases(row.get("detail")))
    return found


def _cases(detail: Any) -> Cases | None:
    """The cases behind a figure; None where a metric keeps something else under that name."""
    try:
        return Cases.of(detail)
    except (KeyError, TypeError):
        return None


def tidy(name: str, axes: Mapping[str, Any], members: list[Member]) -> pa.Table:
    """The table: `grid`, `run`, axes that are no single knob, knobs, costs, metrics, `held_out`, `missing`."""
    knobs = list(dict.fromkeys(knob for member in members for knob in member.knobs))
    metrics = list(dict.fromkeys(column for member in members for column in member.metrics))
    columns: dict[str, list[Any]] = {"grid": [name] * len(members), "run": [member.run for member in members]}
    columns |= {axis: [member.point[axis] for member in members] for axis in axes if axis not in knobs}
    columns |= {knob: _plain([member.knobs.get(knob) for member in members]) for knob in knobs}
    columns |= {cost: [member.costs.get(cost) for member in members] for cost in COSTS}
    columns[VALIDATION] = [member.validation for member in members]
    for column in metrics:
        measured = [member.metrics.get(column) for member in members]
        columns[column] = [value and value.value for value in measured]
        columns[f"{column}.low"] = [value and value.low for value in measured]
        columns[f"{column}.high"] = [value and value.high for value in measured]
    columns["held_out"] = [member.held_out for member in members]
    columns["missing"] = [member.missing for member in members]
    floats = [VALIDATION, *COSTS, *(f"{column}{end}" for column in metrics for end in ("", ".low", ".high"))]
    types = {**dict.fromkeys(floats, pa.float64()), "missing": pa.string()}  # a column of gaps alone has a type too
    return pa.table({column: pa.array(values, types.get(column)) for column, values in columns.items()})


def _plain(values: list[Any]) -> list[Any]:
    """Values that fit into one column: lists as JSON, and everything as text where types are mixed."""
    plain = [json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value for value in values]
    kinds = {type(value) for value in plain if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        return [None if value is None else str(value) for value in plain]
    return plain
