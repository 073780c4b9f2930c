"""The index of all runs, grids and comparisons, made anew from what lies on disk.

It trusts nothing that it finds: a run half written, of another version, or no run at all costs its own line only.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.common.failure import Failure
from charmer.report import numbers
from charmer.report.page import render

COLUMNS = (
    ("bits_per_byte", "bits per byte", "bits/byte"),
    ("xz", "xz -9", "bits/byte"),
    ("compiles", "compile", "share"),
    ("names_exist", "names exist", "share"),
    ("parameters", "parameters", "parameters"),
)


def write(results: Path) -> None:
    """Write `results/index.html` over all runs under `results/runs`, the newest first; over grids and comparisons too.

    The runs of a grid stand behind those that were made one by one, folded away.

    Raises:
        Failure: the file cannot be written.
    """
    runs, incomplete = [], []
    for folder in sorted((results / "runs").glob("*/")):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        entry = _entry(folder)
        if entry is None:
            incomplete.append(folder.name)
        else:
            runs.append(entry)
    runs.sort(key=lambda run: (run["date"], run["name"]), reverse=True)
    grids = [grid for folder in sorted((results / "grids").glob("*/")) if (grid := _grid(folder)) is not None]
    belonging = {run for grid in grids for run in grid["runs"]}
    context = {
        "tables": [
            [run for run in runs if run["name"] not in belonging],
            [run for run in runs if run["name"] in belonging],
        ],
        "grids": grids,
        "comparisons": [
            {"name": folder.name, "link": f"compare/{folder.name}/index.html"}
            for folder in sorted((results / "compare").glob("*/"))
            if (folder / "index.html").is_file()
        ],
        "incomplete": incomplete,
        "columns": COLUMNS,
    }
    files.write_text(results / "index.html", render("index.html", context))


def _entry(folder: Path) -> dict[str, Any] | None:
    """A run's line, or None for a folder that holds no complete run."""
    summary = _mapping(folder / "summary.json")
    headline = summary.get("headline")
    if not isinstance(headline, dict) or not (folder / "report" / "index.html").is_file():
        return None
    cells = []
    for name, _, unit in COLUMNS:
        figure = headline.get(name)
        figure = figure if isinstance(figure, dict) else {}
        cells.append((_text(figure, unit), numbers.interval(_finite(figure, "low"), _finite(figure, "high"), unit)))
    model = summary.get("model")
    seconds = _finite(model if isinstance(model, dict) else {}, "seconds")
    date = _mapping(folder / "provenance.json").get("written")
    return {
        "name": folder.name,
        "link": f"runs/{folder.name}/report/index.html",
        "date": date if isinstance(date, str) else _modified(folder / "summary.json"),
        "cells": cells,
        "training": numbers.duration(seconds),
    }


def _grid(folder: Path) -> dict[str, Any] | None:
    """A grid's line, or None for a folder that holds no page of one."""
    summary = _mapping(folder / "summary.json")
    runs, figure = summary.get("runs"), summary.get("bits_per_byte")
    if not isinstance(runs, list) or not (folder / "index.html").is_file():
        return None
    figure = figure if isinstance(figure, dict) else {}
    return {
        "name": folder.name,
        "link": f"grids/{folder.name}/index.html",
        "title": str(summary.get("title", folder.name)),
        "runs": [run for run in runs if isinstance(run, str)],
        "complete": summary.get("complete"),
        "chosen": summary.get("chosen"),
        "text": _text(figure, "bits/byte"),
        "interval": numbers.interval(_finite(figure, "low"), _finite(figure, "high"), "bits/byte"),
    }


def _text(figure: dict[str, Any], unit: str) -> str:
    return numbers.number(_finite(figure, "value"), unit)


def _finite(values: dict[str, Any], key: str) -> float | None:
    value = values.get(key)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _modified(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = files.read_json(path)
    except (Failure, OSError):
        return {}
    return found if isinstance(found, dict) else {}
