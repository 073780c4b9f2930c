"""Experiment grids: config/grids/NAME.yaml turned into the runs that it stands for.

Notable here:
- A cell is an ordinary run in ordinary folders, so cells share with one another, and with any other run, every stage
  that they have in common; a cell that ran before, in a grid or out of one, is found again.
- What is laid over what: config.yaml, the grid's base preset, the grid's settings, what this call says on its command
  line, and above all the values of the axes.
- Every cell passes the same checks as a run of its own, before any job starts.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from charmer.common.failure import Failure
from charmer.common.nested import flattened, nested
from charmer.pipeline.naming import RESULTS, digest
from charmer.pipeline.plan import NAME_LENGTH, Plan
from charmer.pipeline.settings import Settings, hint, knobs, merged, read, resolve

SCHEMA = Path(__file__).parents[2] / "schemas" / "grid.schema.yaml"
METRICS = ["bits_per_byte", "repetition"]
FORECAST = "forecast"  # the value, on every axis, of the larger run that a law is tested on

Point = dict[str, str]  # axis -> label of the value


@dataclass(frozen=True)
class Cell:
    """One point of the grid and the run that stands for it.

    Attributes:
        point: the label of its value on each axis.
        held_out: whether it is the larger run that a law is tested on.
    """

    point: Point
    plan: Plan
    held_out: bool = False


@dataclass(frozen=True)
class Grid:
    """A grid that is laid out.

    Attributes:
        file: where it is written down.
        metrics: what is measured of each cell; the first is its quality.
        axes: the labels on each axis, in the order of the file.
    """

    name: str
    title: str
    description: str
    file: Path
    metrics: tuple[str, ...]
    axes: dict[str, tuple[str, ...]]
    cells: tuple[Cell, ...]

    @property
    def plans(self) -> list[Plan]:
        return [cell.plan for cell in self.cells]

    @property
    def folder(self) -> Path:
        """Named by the runs that the grid consists of: another value on an axis makes another grid."""
        runs = [[cell.plan.run.name, cell.held_out] for cell in self.cells]
        return RESULTS / "grids" / f"{self.name}-{digest([self.axes, runs])}"

    def points(self) -> list[Point]:
        """A row a cell: the name of its value on each axis, fit for a path. The columns are fit for wildcards."""
        return [dict(zip(self.columns(), map(slug, cell.point.values()), strict=True)) for cell in self.cells]

    def columns(self) -> list[str]:
        """The axes' names as identifiers: the last part of each, or all of it where two would be alike."""
        last = [axis.rpartition(".")[2] for axis in self.axes]
        names = [part if last.count(part) == 1 else axis for axis, part in zip(self.axes, last, strict=True)]
        return [re.sub(r"\W+", "_", name) for name in names]

    def cell(self, point: Mapping[str, str]) -> Cell:
        """The cell at a row of `points`."""
        return self.cells[self.points().index(dict(point))]

    @functools.cached_property
    def settings(self) -> Settings:
        """What the grid's page and table depend on: axes and cells, with the knobs that all share said once."""
        flat = [flattened(cell.plan.run.settings) for cell in self.cells]
        names = list(dict.fromkeys(name for knobs_of in flat for name in knobs_of))
        differ = [name for name in names if any(other.get(name) != flat[0].get(name) for other in flat)]
        cells = [
            {
                "point": cell.point,
                "held_out": cell.held_out,
                "knobs": {name: of[name] for name in differ if name in of},
                "run": cell.plan.run.name,
                "model": cell.plan.model.name,
                "metrics": {next(iter(metric.settings["evaluate"])): metric.name for metric in cell.plan.metrics},
            }
            for cell, of in zip(self.cells, flat, strict=True)
        ]
        common = {name: value for name, value in flat[0].items() if name not in differ}
        described = {"name": self.name, "title": self.title, "description": self.description}
        axes = {axis: list(labels) for axis, labels in self.axes.items()}
        return {**described, "metrics": list(self.metrics), "axes": axes, "common": common, "cells": cells}


def slug(label: str) -> str:
    """A label as part of a path."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-.")
    return plain if plain and len(plain) <= 24 else digest(label)


def files(config: Path) -> dict[str, Path]:
    """The grids of `config`/grids, by name.

    Raises:
        Failure: a file is no YAML, or two grids have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted([*(config / "grids").glob("*.yaml"), *(config / "grids").glob("*.yml")]):
        name = str(read(path).get("name", path.stem))
        if name in found:
            raise Failure(f"{path}: {found[name]} is named {name!r} too; give each grid a name of its own")
        found[name] = path
    return found


def named(
    name: str, config: Path, overrides: dict[str, Any] | None = None, typed: Mapping[str, Any] | None = None
) -> Grid:
    """The grid that `--config grid=NAME` asks for.

    Args:
        config: the folder that holds `config.yaml`, `presets/` and `grids/`.
        overrides: knobs that this call's command line sets, itself or by files that it names.
        typed: those that it sets itself.

    Raises:
        Failure: there is no such grid, or it is wrong.
    """
    found = files(config)
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise Failure(f"grid: there is no grid {name!r}; {meant}There are: {', '.join(found) or 'none'}")
    return load(found[name], config, overrides, typed)


def load(
    file: Path, config: Path, overrides: dict[str, Any] | None = None, typed: Mapping[str, Any] | None = None
) -> Grid:
    """Lay out one grid; the arguments are those of `named`.

    Raises:
        Failure: one line each for whatever is wrong: the file's form, an axis that names no knob, a value that the
            configuration's schema refuses, a knob that would have no effect, two cells that are one run.
    """
    written = read(file)
    _check_form(file, written)
    axes = [_axis(axis, values) for axis, values in written.get("axes", {}).items()]
    if "cells" in written:
        axes.insert(0, _rows(written["cells"]))
    assignments = [assignment for axis in axes for _, assignment in axis]
    _check_knobs(file, assignments, written.get("forecast", {}))
    _check_effect(file, written.get("settings", {}), assignments, typed or {})

    preset = config / "presets" / f"{written['base']}.yaml"
    if not preset.exists():
        presets = ", ".join(sorted(path.stem for path in preset.parent.glob("*.yaml")))
        raise Failure(f"{file}: base: there is no preset {written['base']!r}; there are: {presets}")
    # What is measured is the grid's to say, or the command line's; a preset's own list, which is for its runs, is not.
    asked = (typed or {}).get("evaluate", {})
    metrics = {"evaluate": {"metrics": asked.get("metrics", written.get("metrics", METRICS))}}
    base = functools.reduce(
        merged,
        [read(preset), written.get("settings", {}), overrides or {}, metrics],
        read(config / "config.yaml"),
    )
    laid = [
        (
            {key: label for point, _ in chosen for key, label in point.items()},
            _union(knobs_of for _, knobs_of in chosen),
        )
        for chosen in itertools.product(*axes)
    ]
    names = list(dict.fromkeys(axis for point, _ in laid for axis in point))
    if FORECAST in written:
        laid.append((dict.fromkeys(names, FORECAST), written["forecast"]))

    cells: list[Cell] = []
    complaints: dict[str, list[str]] = {}
    for point, assignment in laid:
        title = ", ".join(f"{axis}: {label}" for axis, label in point.items())
        try:
            parts = dict.fromkeys(point.values()) if FORECAST in point.values() else point.values()
            name = "-".join([written["name"], *map(slug, parts)])[:NAME_LENGTH].rstrip("-.")
            plan = Plan.of(resolve({**merged(base, nested(assignment)), "name": name}))
            cells.append(Cell(point, plan, held_out=FORECAST in point.values()))
        except Failure as failure:
            complaints.setdefault(str(failure).removeprefix("config: "), []).append(title)
    lines = [
        line if len(of) == len(laid) else f"the cell ({title}): {line}"
        for line, of in complaints.items()
        for title in of
    ]
    lines = lines or list(_alike(cells))
    if lines:
        raise Failure(f"{file}: " + "\n        ".join(dict.fromkeys(lines)))
    measured = tuple(metric for variant in cells[0].plan.metrics for metric in variant.settings["evaluate"])
    labels = {axis: tuple(dict.fromkeys(cell.point[axis] for cell in cells if not cell.held_out)) for axis in names}
    described = written["name"], written["title"], written.get("description", "")
    return Grid(*described, file, measured, labels, tuple(cells))


def _axis(axis: str, values: Any) -> list[tuple[Point, dict[str, Any]]]:
    """The values of one axis: the point that each adds to, and the knobs that it sets."""
    if isinstance(values, dict):
        return [({axis: str(label)}, knobs_of) for label, knobs_of in values.items()]
    return [({axis: _label(value)}, {axis: value}) for value in values]


def _rows(rows: list[dict[str, Any]]) -> list[tuple[Point, dict[str, Any]]]:
    """A listed table as one axis: its points lie on every knob that differs between rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    differ = [name for name in names if any(row.get(name) != rows[0].get(name) for row in rows)] or names
    return [({name: _label(row.get(name, "default")) for name in differ}, row) for row in rows]


def _label(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return digest(value) if isinstance(value, list | dict) else str(value)


def _union(parts: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return functools.reduce(lambda one, other: {**one, **other}, parts, {})


def _check_form(file: Path, written: dict[str, Any]) -> None:
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    complaints = []
    for error in sorted(Draft202012Validator(schema).iter_errors(written), key=lambda error: error.json_path):
        where = ".".join(map(str, error.absolute_path))
        if error.validator == "additionalProperties" and not error.absolute_path:
            for key in sorted(map(str, set(written) - set(schema["properties"]))):
                near = difflib.get_close_matches(key, schema["properties"], n=1)
                meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(schema['properties'])}"
                complaints.append(f"{key}: a grid has no such part; {meant}")
        elif error.validator == "anyOf":
            complaints.append("has no cells: name axes with their values, or cells, a row each")
        elif error.validator == "oneOf":
            complaints.append(f"{where}: {error.instance!r} is no axis; write a list of values, or labels with knobs")
        else:
            complaints.append(f"{where + ': ' if where else ''}{error.message}")
    if complaints:
        raise Failure(f"{file}: " + "\n        ".join(complaints))


def _check_knobs(file: Path, assignments: list[dict[str, Any]], forecast: dict[str, Any]) -> None:
    known = {*knobs()} - {"name", "evaluate.metrics"}
    names = dict.fromkeys(name for assignment in [*assignments, forecast] for name in assignment)
    wrong = [f"{name}: there is no such knob{hint(name)}" for name in names if name not in known]
    if wrong:
        raise Failure(f"{file}: " + "\n        ".join(wrong))


def _check_effect(
    file: Path, settings: Mapping[str, Any], assignments: list[dict[str, Any]], typed: Mapping[str, Any]
) -> None:
    """Refuse knobs that something else would overwrite without a word."""
    said = {"name": "each cell is named by the grid and its values", "evaluate.metrics": "write `metrics:` instead"}
    lines = [f"settings.{knob}: has no effect: {said[knob]}" for knob in flattened(settings) if knob in said]
    axes = {knob for assignment in assignments for knob in assignment}
    lines += [
        f"--config {knob}: has no effect: {said.get(knob, 'it is on an axis of the grid')}; leave it out"
        for knob in flattened(typed)
        if knob in axes | {"name"}
    ]
    if lines:
        raise Failure(f"{file}: " + "\n        ".join(lines))


def check_clock(grid: Grid, cores: int) -> None:
    """Refuse budgets of minutes for runs that train side by side: each would get what the others leave of the cores.

    Raises:
        Failure: a model trains by the clock, there is another, and more than one core.
    """
    budgets = {plan.model.name: plan.model.settings["train"]["budget"] for plan in grid.plans}
    timed = [budget for budget in budgets.values() if budget.endswith(" minutes")]
    if timed and len(budgets) > 1 and cores > 1:
        raise Failure(
            f"{grid.file}: train.budget: {timed[0]}, but the runs train side by side and would share the cores; "
            "count steps or tokens (settings: {train: {budget: 1M tokens}}), or call with --cores 1"
        )


def _alike(cells: list[Cell]) -> Iterator[str]:
    """Cells that are one run: the knobs on their axes do not tell them apart."""
    seen: dict[str, Cell] = {}
    for cell in cells:
        key = digest(cell.plan.run.settings)
        if key in seen:
            yield f"the cells {seen[key].point} and {cell.point} are one run; leave one out"
        seen[key] = cell
    slugs = [tuple(map(slug, cell.point.values())) for cell in cells]
    for twice in sorted({names for names in slugs if slugs.count(names) > 1}):
        yield f"two cells would be named {'-'.join(twice)}; tell their labels apart"
