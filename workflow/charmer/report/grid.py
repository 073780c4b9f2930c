"""A grid's results: one tidy table, the plots, and a self-contained page in the style of a run's.

Notable here:
- A run that failed is a gap with its reason, in the table and on the page; everything else is made without it.
- Settings are chosen by the validation split; what is shown of the choice is the test's figure.
- A grid that names a larger run also gets a law, fitted to all the others and tested on that one (see `law`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

from charmer.common import files
from charmer.report import frame, grid_plots, numbers
from charmer.report.grid_table import Member, members, tidy
from charmer.report.law import Law, fit

QUALITY = "bits_per_byte"  # what costs are weighed against; less is better
SHOWN = 12  # runs that the text for the terminal lists


def write(
    folder: Path, results: Path, settings: Mapping[str, Any], gaps: Mapping[str, tuple[str, bool]] | None = None
) -> None:
    """Write `index.html`, `plots/*.svg`, `runs.parquet`, `runs.csv`, `summary.json` and `summary.txt`; and `law.json`
    for a grid with a larger run.

    Args:
        folder: the grid's.
        results: the folder that holds `models`, `metrics` and `runs`.
        settings: as `charmer.pipeline.grid.Grid.settings` gives them.
        gaps: by run, why it is not complete, and whether its model is there all the same; none: all are complete.

    Raises:
        Failure: the folder cannot be written.
    """
    found = members(results, settings, gaps or {})
    table = tidy(settings["name"], settings["axes"], found)
    files.write_table(folder / "runs.parquet", table)
    with files.replacing(folder / "runs.csv") as temporary:
        pyarrow.csv.write_csv(table, temporary)

    columns = list(dict.fromkeys(column for member in found for column in member.metrics))
    measured = [member for member in found if QUALITY in member.metrics]
    fitted, law, law_gap = _law(measured) if any(member.held_out for member in found) else (None, {}, "")
    if law:
        files.write_json(folder / "law.json", law)
    axes = {axis: list(labels) for axis, labels in settings["axes"].items()}
    groups = {
        "along": grid_plots.along(found, axes, _headlines(settings["metrics"], columns)),
        "costs": grid_plots.costs(measured, QUALITY),
        "law": [grid_plots.law(measured, fitted, QUALITY)] if fitted else [],
        "curves": grid_plots.curves(found, axes),
    }
    headings = {"along": "Knobs", "costs": "Cost", "law": "Law", "curves": "Curves"}
    context = {
        "title": settings["title"],
        "name": settings["name"],
        "description": settings["description"],
        "axes": axes,
        "members": found,
        "complete": sum(member.missing is None for member in found),
        "sections": [(name, headings[name]) for name, plots in groups.items() if plots] + [("runs", "Runs")],
        "answers": _answers(found, axes),
        "groups": groups,
        "columns": columns,
        "quality": QUALITY,
        "cheapest": grid_plots.front(measured, QUALITY, "flops"),
        "law_asked": any(member.held_out for member in found),
        "law": law,
        "law_gap": law_gap,
        "common": settings["common"],
        "named": named,
        "last": grid_plots.last,
        "title_of": grid_plots.title_of,
    }
    frame.write(folder / "index.html", "grid.html", context, [plot for plots in groups.values() for plot in plots])
    files.write_text(folder / "summary.txt", text(folder, settings, found, law))
    files.write_json(folder / "summary.json", _summary(folder, settings, found))


def named(member: Member) -> str:
    """A run by its values on the axes: "context length 64, seed 1"."""
    if member.held_out:
        return "the larger run"
    return ", ".join(f"{grid_plots.last(axis)} {label}" for axis, label in member.point.items())


def _headlines(metrics: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The first column of each metric."""
    firsts = (next((column for column in columns if column.partition(".")[0] == metric), None) for metric in metrics)
    return [column for column in firsts if column is not None]


def _law(measured: Sequence[Member]) -> tuple[Law | None, dict[str, Any], str]:
    """The law, how it is written down, and why there is none."""
    known = [member for member in measured if not member.held_out]
    size, tokens = (np.array([member.costs[cost] for member in known]) for cost in ("parameters", "tokens"))
    bits = np.array([member.metrics[QUALITY].value for member in known])
    try:
        law = fit(size, tokens, bits)
    except ValueError as error:
        return None, {}, str(error)
    document = {**law.document(), "runs": len(known), "forecast": None}
    for member in measured:
        if member.held_out:
            value, (low, high) = law.forecast(member.costs["parameters"], member.costs["tokens"])
            actual = member.metrics[QUALITY].value
            told = {"run": member.run, "value": value, "low": low, "high": high, "measured": actual}
            document["forecast"] = {**told, "inside": low <= actual <= high}
    return law, document, ""


def chosen(found: Sequence[Member]) -> Member | None:
    """The run that validation chooses."""
    candidates = [member for member in found if member.validation is not None and not member.held_out]
    return min(candidates, key=lambda member: member.validation or 0.0, default=None)


def settled(found: Sequence[Member], axes: Mapping[str, Any]) -> list[tuple[str, list[Member]]]:
    """Runs that differ by their seed alone, together, under the values that they share."""
    others = [axis for axis in axes if axis not in grid_plots.SEEDS]
    groups: dict[str, list[Member]] = {}
    for member in found:
        if QUALITY in member.metrics and not member.held_out:
            key = ", ".join(f"{grid_plots.last(axis)} {member.point[axis]}" for axis in others) or named(member)
            groups.setdefault(key, []).append(member)
    return list(groups.items())


def _answers(found: Sequence[Member], axes: Mapping[str, Any]) -> list[str]:
    """What the grid says, in a sentence or two."""
    groups = settled(found, axes)
    best = chosen(found)
    if not groups or best is None:
        return []
    mean = {key: float(np.mean([member.metrics[QUALITY].value for member in of])) for key, of in groups}
    low, high = min(mean, key=mean.__getitem__), max(mean, key=mean.__getitem__)
    lines = []
    if low != high:
        seeds = ", as means over seeds" if any(len(of) > 1 for _, of in groups) else ""
        lines.append(f"Bits per byte go from {mean[low]:.3f} ({low}) to {mean[high]:.3f} ({high}){seeds}.")
    told = f"Validation chooses {named(best)}"
    if QUALITY in best.metrics:
        value = best.metrics[QUALITY]
        interval = numbers.interval(value.low, value.high, value.unit)
        told += f", which needs {value.value:.3f}{f' ({interval})' if interval else ''} on packages it never saw"
    return [*lines, f"{told}."]


def text(folder: Path, settings: Mapping[str, Any], found: Sequence[Member], law: Mapping[str, Any]) -> str:
    """What a call says at its end: a line a setting, what failed, and where to look."""
    complete = sum(member.missing is None for member in found)
    lines = [f"{settings['title']}: {complete} of {len(found)} runs", ""]
    groups = settled(found, settings["axes"])
    width = max((len(key) for key, _ in groups[:SHOWN]), default=0)
    for key, of in groups[:SHOWN]:
        values = [member.metrics[QUALITY].value for member in of]
        seeds = f"{len(values)} seeds: {min(values):.3f} to {max(values):.3f}" if len(values) > 1 else ""
        cost = f"{numbers.scaled(of[0].costs['tokens'])} tokens, {numbers.duration(of[0].costs['seconds'])}"
        lines.append(f"  {np.mean(values):.3f} bits per byte  {key:<{width}}  {cost:<26}  {seeds}".rstrip())
    if len(groups) > SHOWN:
        lines.append(f"  and {len(groups) - SHOWN} more")
    lines += [f"  missing: {named(member)}: {member.missing}" for member in found if member.missing]
    lines += [f"  not measured: {named(member)}: {' '.join(member.gaps)}" for member in found if member.gaps]
    if law.get("forecast"):
        told = law["forecast"]
        interval = numbers.interval(told["low"], told["high"], "bits/byte")
        lines.append(f"  law: forecast {told['value']:.3f} ({interval}), measured {told['measured']:.3f}")
    lines += ["", f"grid    {folder}/index.html", f"table   {folder}/runs.csv", ""]
    return "\n".join(lines).replace(numbers.SPACE, " ")  # which not every terminal has


def _summary(folder: Path, settings: Mapping[str, Any], found: Sequence[Member]) -> dict[str, Any]:
    """What the index of all runs shows of the grid."""
    best = chosen(found)
    figure = best.metrics.get(QUALITY) if best else None
    return {
        "grid": folder.name,
        "title": settings["title"],
        "cells": len(found),
        "complete": sum(member.missing is None for member in found),
        "runs": [member.run for member in found],
        "chosen": named(best) if best else None,
        "bits_per_byte": {"value": figure.value, "low": figure.low, "high": figure.high} if figure else None,
    }
