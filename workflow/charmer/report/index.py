"""The index of all runs, made anew from what lies on disk.

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
    """Write `results/index.html` over all runs under `results/runs`, the newest first.

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
    context = {"runs": runs, "incomplete": incomplete, "columns": COLUMNS}
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
